/** Door of the backups feature for other features and services. */
export { BackupEntity, type BackupRow } from './backup.entity.ts';
export { storageOf, targetsInUse } from './backup-storage.ts';
export { reconcileKeyChecks } from './keys/request-key-check.ts';
export { BackupCopyEntity } from './copies/copy.entity.ts';
export { enqueueCopyDeletion } from './copies/delete-copy.ts';
export { findStoredBackup, holdCompletedCopy } from './copies/find-copy.ts';
export { enqueueDeletion } from './delete-backup.ts';
export { recordProof, type StoredPlace } from './record-proof.ts';
export { isManifestAuthentic } from './manifest-file.ts';
export { manifestPath } from './stored-files.ts';
export type { RequestBackupDeps } from './request-backup.ts';
export { storedArchive } from './stored-archive.ts';
export { countObjects, isPartial } from './build-manifest.ts';
export { compareContents } from './compare-contents.ts';
export { findCompletedBackup } from './find-completed-backup.ts';
export { RebuildEntity } from './rebuild/rebuild.entity.ts';
export { refuseUntrusted } from './refuse-untrusted.ts';
export { VerificationEntity } from './verifications/verification.entity.ts';
