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

/**
 * An identity that opens nothing here is as good as none: tried, it would look as if the file were damaged.
 * `attempt`: of the partial file that it still is; null for the published one.
 */
export async function storedArchive(
  { storage, keyring }: StoredArchiveDeps,
  row: Pick<
    BackupRow,
    'id' | 'storageTarget' | 'filePath' | 'backupFormat' | 'compressionType' | 'encryption'
  >,
  attempt: number | null = null,
): Promise<StoredArchive> {
  const { encryption } = row;
  const canOpen = encryption !== null && (await keyring.canOpen(encryption.recipients));
  return {
    storage: storageOf(storage, row).location,
    path: row.filePath,
    attempt,
    format: row.backupFormat,
    compression: row.compressionType,
    encryption: encryption === null ? null : { identities: canOpen ? keyring.identities : null },
  };
}
