/** Door of the restores feature. */
export { DrillEntity } from './drill.entity.ts';
