/** Door of the restores feature. */
export { DrillEntity } from './drill.entity.ts';
export { expireApprovals } from './expire-approvals.ts';
export { RestoreEntity } from './restore.entity.ts';
export { RollbackEntity } from './rollback.entity.ts';
