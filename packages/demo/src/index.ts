/** The demo forum database: what `up` backs up first, and what tests and benchmarks run on. */
export { parseDemoSize } from './demo-size.ts';
export { isDemoForum, loadDemoForum } from './load-demo-forum.ts';
