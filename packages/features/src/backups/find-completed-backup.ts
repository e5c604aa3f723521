/** Query: a completed backup with its manifest, for whoever is about to read its file. */
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { EntityManager } from 'typeorm';
import { BackupEntity, type BackupRow } from './backup.entity.ts';

export interface CompletedBackup extends BackupRow {
  manifest: Manifest;
}

/** @throws AppError BACKUP_NOT_FOUND where there is none, or it went meanwhile */
export async function findCompletedBackup(
  manager: EntityManager,
  backupId: number,
): Promise<CompletedBackup> {
  const backup = await manager
    .createQueryBuilder(BackupEntity, 'backup')
    .addSelect('backup.manifest')
    .where({ id: backupId, status: 'completed' })
    .getOne();
  if (backup?.manifest == null) {
    throw new AppError('BACKUP_NOT_FOUND', `Backup ${backupId} is no longer there.`);
  }
  return backup as CompletedBackup;
}
