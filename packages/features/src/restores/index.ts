/** Door of the restores feature. */
export { DrillEntity } from './drill.entity.ts';
export { RestoreEntity } from './restore.entity.ts';
export { RollbackEntity } from './rollback.entity.ts';
