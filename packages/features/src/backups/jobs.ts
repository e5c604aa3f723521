/** The worker's door of the backups feature. */
export { mergeBackupCounts } from './list/count-backups.ts';
export { runRebuild } from './rebuild/run-rebuild.ts';
export { removeDeletedBackup } from './remove-deleted-backup.ts';
export { runBackup } from './run-backup.ts';
export { sweepPartials } from './sweep-partials.ts';
export { runVerification } from './verifications/run-verification.ts';
