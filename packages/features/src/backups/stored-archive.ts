/** Where the archive of a backup lies and how it is wrapped, for whoever reads it. */
import type { Keyring } from '@holdfast/platform/bytes/keyring';
import type { StoredArchive } from '../archives/index.ts';
import type { StorageTargets } from '../storage/index.ts';
import type { BackupRow } from './backup.entity.ts';
import { storageOf } from './backup-storage.ts';

export interface StoredArchiveDeps {
  readonly storage: StorageTargets;
  readonly keyring: Keyring;
}

/** `attempt`: of the partial file that it still is; null for the published one. */
export function storedArchive(
  { storage, keyring }: StoredArchiveDeps,
  row: Pick<
    BackupRow,
    'id' | 'storageTarget' | 'filePath' | 'backupFormat' | 'compressionType' | 'encryption'
  >,
  attempt: number | null = null,
): StoredArchive {
  return {
    storage: storageOf(storage, row).location,
    path: row.filePath,
    attempt,
    format: row.backupFormat,
    compression: row.compressionType,
    encryption: row.encryption === null ? null : { identities: keyring.identities },
  };
}
