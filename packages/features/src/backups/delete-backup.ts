/** Command: delete a backup. Two-phase: the row is marked here, a worker removes the bytes and then says so. */
import { AppError } from '@holdfast/contracts/errors';
import { type Actor, recordAudit } from '../audit/index.ts';
import type { RequestDeps } from '../operations/index.ts';
import { BackupEntity } from './backup.entity.ts';
import { findUse } from './find-use.ts';

/** @throws AppError BACKUP_NOT_FOUND, PROTECTED, IN_USE */
export async function deleteBackup(deps: RequestDeps, backupId: number, actor: Actor): Promise<void> {
  await deps.source.transaction(async (manager) => {
    const row = await manager.findOne(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_write' },
    });
    if (row === null || row.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
    }
    if (row.status === 'deleting') {
      return;
    }
    if (row.isProtected) {
      throw new AppError('PROTECTED', `Backup ${backupId} is protected.`);
    }
    if (row.status === 'pending' || row.status === 'running') {
      throw new AppError('IN_USE', `Backup ${backupId} is ${row.status}.`, {
        remediation: 'Cancel it first.',
      });
    }
    // Copies first: one that no worker has taken by now can't be taken any more, one that has been is a use.
    await manager.query(
      `UPDATE backup_copies SET status = 'deleting' WHERE backup_id = $1 AND status IN ('pending', 'completed', 'failed', 'cancelled')`,
      [backupId],
    );
    const use = await findUse(manager, backupId);
    if (use !== null) {
      throw new AppError('IN_USE', use);
    }
    if (row.scheduleId !== null && row.status === 'completed') {
      await refuseNewestOfSchedule(manager.query.bind(manager), { backupId, scheduleId: row.scheduleId });
    }
    await manager.update(BackupEntity, { id: backupId, status: row.status }, { status: 'deleting' });
    await recordAudit(manager, actor, {
      action: 'backup.delete',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
      before: { status: row.status, filePath: row.filePath },
    });
  });
  await enqueueDeletion(deps, backupId).catch((error: unknown) => {
    deps.logger.warn(
      { error, backupId },
      'the deletion is accepted but not queued yet; the reconciler does it',
    );
  });
}

export async function enqueueDeletion(
  { queues }: Pick<RequestDeps, 'queues'>,
  backupId: number,
): Promise<void> {
  await queues.add({ name: 'delete-backup', payload: { backupId }, jobId: `delete-backup-${backupId}` });
}

type Query = (sql: string, values: unknown[]) => Promise<unknown>;

async function refuseNewestOfSchedule(
  query: Query,
  { backupId, scheduleId }: { backupId: number; scheduleId: number },
): Promise<void> {
  const [newest] = (await query(
    `SELECT id FROM admin_backups WHERE schedule_id = $1 AND status = 'completed' AND damaged_at IS NULL ORDER BY completed_at DESC LIMIT 1`,
    [scheduleId],
  )) as { id: number }[];
  if (newest?.id === backupId) {
    throw new AppError(
      'IN_USE',
      `Backup ${backupId} is the newest restorable backup of schedule ${scheduleId}.`,
      {
        remediation: 'Delete it after a newer backup of the schedule has completed.',
      },
    );
  }
}
