/** Command: delete a backup. Two-phase: the row is marked here, a worker removes the bytes and then says so. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import type { RequestDeps } from '../operations/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { findUse } from './find-use.ts';
import { hasGoodSuccessor, isGood } from './good-backups.ts';

/** `cleanup`: nobody asked for this very backup to go, so it goes only where a later good one holds what it held. */
export type DeleteReason = 'asked-for' | 'cleanup';

/** @throws AppError BACKUP_NOT_FOUND, PROTECTED, IN_USE */
export async function deleteBackup(
  deps: RequestDeps,
  backupId: number,
  actor: Actor,
  reason: DeleteReason = 'asked-for',
): Promise<void> {
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
    if (row.status === 'completed') {
      await (reason === 'cleanup' ? refuseWithoutSuccessor : refuseNewestOfSchedule)(manager, row);
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

/** Whoever deletes a backup by hand knows why; a schedule's newest good one is what others count on all the same. */
async function refuseNewestOfSchedule(
  manager: EntityManager,
  { id, scheduleId }: Pick<BackupRow, 'id' | 'scheduleId'>,
): Promise<void> {
  if (scheduleId === null) {
    return;
  }
  const [newest] = (await manager.query(
    `SELECT id FROM admin_backups WHERE schedule_id = $1 AND ${isGood('admin_backups')} ORDER BY completed_at DESC LIMIT 1`,
    [scheduleId],
  )) as { id: number }[];
  if (newest?.id === id) {
    throw new AppError('IN_USE', `Backup ${id} is the newest restorable backup of schedule ${scheduleId}.`, {
      remediation: 'Delete it after a newer good backup of the schedule has completed.',
    });
  }
}

async function refuseWithoutSuccessor(manager: EntityManager, { id }: Pick<BackupRow, 'id'>): Promise<void> {
  const rows = (await manager.query(
    `SELECT FROM admin_backups old WHERE id = $1 AND ${hasGoodSuccessor('old')}`,
    [id],
  )) as unknown[];
  if (rows.length === 0) {
    throw new AppError('IN_USE', `No later good backup holds what backup ${id} holds.`, {
      remediation: 'It can go by itself once there is one.',
    });
  }
}
