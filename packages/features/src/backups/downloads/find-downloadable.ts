/** Query: a backup that has a file to give. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { BackupEntity } from '../backup.entity.ts';
import type { DownloadableBackup } from './download-headers.ts';

/**
 * `lock`: a deletion waits until the transaction has ended.
 * @throws AppError BACKUP_NOT_FOUND, IN_USE while it is being made
 */
export async function findDownloadable(
  manager: EntityManager,
  backupId: number,
  { lock }: { readonly lock: boolean } = { lock: false },
): Promise<DownloadableBackup> {
  const row = await manager.findOne(BackupEntity, {
    where: { id: backupId },
    ...(lock ? { lock: { mode: 'pessimistic_read' as const } } : {}),
  });
  if (row === null || row.status === 'deleted') {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
  }
  if (row.status === 'pending' || row.status === 'running') {
    throw new AppError('IN_USE', `Backup ${backupId} is ${row.status}.`, {
      remediation: 'Wait until it has completed.',
    });
  }
  const { checksumMd5, checksumSha256 } = row;
  if (row.status !== 'completed' || checksumMd5 === null || checksumSha256 === null) {
    throw new AppError('BACKUP_NOT_FOUND', `Backup ${backupId} is ${row.status}: it has no file.`);
  }
  return { ...row, checksumMd5, checksumSha256 };
}
