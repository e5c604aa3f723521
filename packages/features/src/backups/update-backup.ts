/** Command: change what people say of a backup, and how long it stays; never what is in it. */
import { AppError } from '@holdfast/contracts/errors';
import type { UpdateBackup } from '@holdfast/contracts/update-backup';
import type { Clock } from '@holdfast/platform/clock';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { checkExpiry } from './choose-expiry.ts';

export interface UpdateBackupDeps {
  readonly source: DataSource;
  readonly clock: Clock;
}

/** @throws AppError BACKUP_NOT_FOUND, IN_USE while it is being deleted, VALIDATION_FAILED */
export async function updateBackup(
  { source, clock }: UpdateBackupDeps,
  backupId: number,
  changes: UpdateBackup,
  actor: Actor,
): Promise<BackupRow> {
  const { expiresAt, ...rest } = changes;
  const columns = {
    ...rest,
    ...(expiresAt === undefined ? {} : { expiresAt: checkExpiry(expiresAt, clock.now()) }),
  };
  return await source.transaction(async (manager) => {
    const before = await manager.findOne(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_write' },
    });
    if (before === null || before.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
    }
    if (before.status === 'deleting') {
      throw new AppError('IN_USE', `Backup ${backupId} is being deleted.`, {
        remediation: 'It can no longer be changed.',
      });
    }
    await manager.update(BackupEntity, { id: backupId }, columns);
    await recordAudit(manager, actor, {
      action: 'backup.update',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
      before: Object.fromEntries(
        Object.keys(columns).map((field) => [field, before[field as keyof BackupRow]]),
      ),
      after: columns,
    });
    return await manager.findOneByOrFail(BackupEntity, { id: backupId });
  });
}
