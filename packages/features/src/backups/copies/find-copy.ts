/** Queries: copies of a backup, one of them held against deletion, and a backup as it lies on one of its targets. */
import { AppError } from '@holdfast/contracts/errors';
import { type EntityManager, Not } from 'typeorm';
import { type CompletedBackup, findCompletedBackup } from '../find-completed-backup.ts';
import { BackupCopyEntity, type BackupCopyRow } from './copy.entity.ts';

/** The oldest first. Those that are deleted are not told of. */
export async function listCopies(manager: EntityManager, backupId: number): Promise<BackupCopyRow[]> {
  return await manager.find(BackupCopyEntity, {
    where: { backupId, status: Not('deleted') },
    order: { createdAt: 'ASC', id: 'ASC' },
  });
}

export interface CopyName {
  readonly backupId: number;
  readonly copyId: string;
}

/**
 * Locked until the transaction ends: shared to use it, exclusively to change it.
 * @throws AppError NOT_FOUND
 */
export async function lockCopy(
  manager: EntityManager,
  { backupId, copyId }: CopyName,
  mode: 'pessimistic_read' | 'pessimistic_write',
): Promise<BackupCopyRow> {
  const copy = await manager.findOne(BackupCopyEntity, {
    where: { id: copyId, backupId, status: Not('deleted') },
    lock: { mode },
  });
  if (copy === null) {
    throw new AppError('NOT_FOUND', `Backup ${backupId} has no copy ${copyId}.`);
  }
  return copy;
}

/** For whoever is going to read its file. @throws AppError NOT_FOUND, IN_USE */
export async function holdCompletedCopy(manager: EntityManager, name: CopyName): Promise<void> {
  const copy = await lockCopy(manager, name, 'pessimistic_read');
  if (copy.status !== 'completed') {
    throw new AppError('IN_USE', `Copy ${copy.id} is ${copy.status}; only a completed one can be read.`, {
      remediation: 'Wait until it has completed, or choose another.',
    });
  }
}

/**
 * `copyId` null: where the backup itself lies.
 * @throws AppError BACKUP_NOT_FOUND where it went meanwhile
 */
export async function findStoredBackup(
  manager: EntityManager,
  backupId: number,
  copyId: string | null,
): Promise<CompletedBackup> {
  const backup = await findCompletedBackup(manager, backupId);
  if (copyId === null) {
    return backup;
  }
  const copy = await manager.findOneBy(BackupCopyEntity, { id: copyId, backupId, status: 'completed' });
  if (copy === null) {
    throw new AppError('BACKUP_NOT_FOUND', `Copy ${copyId} of backup ${backupId} is no longer there.`);
  }
  return { ...backup, storageTarget: copy.storageTarget };
}
