/** The worker's door of the restores feature. */
export { runDrill } from './run-drill.ts';
export { sweepScratchDatabases } from './sweep-scratch-databases.ts';
