/** Query: what the storage says about a backup's file, without reading it. */
import type { BackupFile } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import type { StorageTargets } from '../storage/index.ts';
import type { BackupRow } from './backup.entity.ts';
import { storageOf } from './backup-storage.ts';

/** Null where the backup has no file (yet, or any more). A storage that does not answer leaves the facts unknown. */
export async function lookAtFile(storage: StorageTargets, row: BackupRow): Promise<BackupFile | null> {
  if (row.status !== 'completed') {
    return null;
  }
  try {
    const file = await storageOf(storage, row).stat(row.filePath);
    return {
      exists: file !== null,
      sizeBytes: file?.sizeBytes ?? null,
      lastModified: file?.modifiedAt.toISOString() ?? null,
      matchesSize: file !== null && file.sizeBytes === row.fileSize,
      errorCode: null,
    };
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    return { exists: null, sizeBytes: null, lastModified: null, matchesSize: null, errorCode: error.code };
  }
}
