/** The worker's door of the backups feature. */
export { removeDeletedCopy } from './copies/remove-deleted-copy.ts';
export { runCopy } from './copies/run-copy.ts';
export { mergeBackupCounts } from './list/count-backups.ts';
export { removeDeletedBackup } from './remove-deleted-backup.ts';
export { runBackup } from './run-backup.ts';
export { sweepPartials } from './sweep-partials.ts';
export { runVerification } from './verifications/run-verification.ts';
