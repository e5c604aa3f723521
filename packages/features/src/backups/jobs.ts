/** The worker's door of the backups feature. */
export { dailyKeyCheck, runKeyCheck } from './keys/check-keys.ts';
export { removeDeletedCopy } from './copies/remove-deleted-copy.ts';
export { runCopy } from './copies/run-copy.ts';
export { mergeBackupCounts } from './list/count-backups.ts';
export { runRebuild } from './rebuild/run-rebuild.ts';
export { cleanUpWhenDue } from './retention/clean-up.ts';
export { removeDeletedBackup } from './remove-deleted-backup.ts';
export { runBackupAttempt } from './run-attempt.ts';
export { sweepStorage } from './sweep-storage.ts';
export { runVerification } from './verifications/run-verification.ts';
