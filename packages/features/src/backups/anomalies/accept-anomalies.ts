/** Command: accept that a backup differs from its database's history; from then on it counts as a good one, and as history. */
import { AppError } from '@holdfast/contracts/errors';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../../audit/index.ts';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';

export interface Acceptance {
  readonly backupId: number;
  readonly reason: string;
  readonly actor: Actor;
}

/** @throws AppError BACKUP_NOT_FOUND, IN_USE while it is being deleted, INVALID_CONFIG where nothing waits to be accepted */
export async function acceptAnomalies(
  source: DataSource,
  { backupId, reason, actor }: Acceptance,
): Promise<BackupRow> {
  return await source.transaction(async (manager) => {
    const row = await manager.findOne(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_write' },
    });
    if (row === null || row.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
    }
    if (row.status === 'deleting') {
      throw new AppError('IN_USE', `Backup ${backupId} is being deleted.`, {
        remediation: 'It can no longer be accepted.',
      });
    }
    if (!row.isAnomalous) {
      throw new AppError(
        'INVALID_CONFIG',
        row.anomaliesAcceptedAt === null
          ? `Backup ${backupId} has no anomalies to accept.`
          : `The anomalies of backup ${backupId} are accepted already.`,
        { remediation: 'Nothing is left to do.' },
      );
    }
    await manager.update(
      BackupEntity,
      { id: backupId },
      {
        anomaliesAcceptedAt: () => 'clock_timestamp()',
        anomaliesAcceptedBy: actor.userId,
        anomaliesAcceptedReason: reason,
      },
    );
    await recordAudit(manager, actor, {
      action: 'backup.accept-anomalies',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
      before: { anomalies: row.anomalies },
      after: { reason },
    });
    return await manager.findOneByOrFail(BackupEntity, { id: backupId });
  });
}
