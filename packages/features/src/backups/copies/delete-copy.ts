/** Command: delete a copy. Two-phase: the row is marked here, a worker removes the bytes and then says so. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../../audit/index.ts';
import type { RequestDeps } from '../../operations/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { BackupCopyEntity, type BackupCopyRow } from './copy.entity.ts';
import { type CopyName, lockCopy } from './find-copy.ts';
import { findUseOfCopy } from '../find-use.ts';

/** @throws AppError BACKUP_NOT_FOUND, NOT_FOUND, IN_USE, PROTECTED */
export async function deleteCopy(deps: RequestDeps, name: CopyName, actor: Actor): Promise<void> {
  const { copyId } = name;
  await deps.source.transaction(async (manager) => {
    // Before its copies, as everybody locks them: of two that are left only one can go at a time.
    const backup = await manager.findOne(BackupEntity, {
      where: { id: name.backupId },
      lock: { mode: 'pessimistic_write' },
    });
    if (backup === null || backup.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${name.backupId}.`);
    }
    const copy = await lockCopy(manager, name, 'pessimistic_write');
    if (copy.status === 'deleting') {
      return;
    }
    if (copy.status === 'running') {
      throw new AppError('IN_USE', `Copy ${copyId} is being made.`, { remediation: 'Cancel it first.' });
    }
    const use = await findUseOfCopy(manager, copyId);
    if (use !== null) {
      throw new AppError('IN_USE', use);
    }
    if (backup.damagedAt !== null && copy.status === 'completed') {
      await refuseLastGood(manager, copy);
    }
    await manager.update(BackupCopyEntity, { id: copyId, status: copy.status }, { status: 'deleting' });
    await recordAudit(manager, actor, {
      action: 'copy.delete',
      subjectType: 'copy',
      subjectId: copyId,
      outcome: 'succeeded',
      before: { backupId: copy.backupId, storageTarget: copy.storageTarget, status: copy.status },
    });
  });
  await enqueueCopyDeletion(deps, copyId).catch((error: unknown) => {
    deps.logger.warn(
      { error, copyId },
      'the deletion is accepted but not queued yet; the reconciler does it',
    );
  });
}

export async function enqueueCopyDeletion(
  { queues }: Pick<RequestDeps, 'queues'>,
  copyId: string,
): Promise<void> {
  await queues.add({ name: 'delete-copy', payload: { copyId }, jobId: `delete-copy-${copyId}` });
}

/** The backup itself is damaged: then a copy is all that there is. */
async function refuseLastGood(manager: EntityManager, copy: BackupCopyRow): Promise<void> {
  const good = await manager.findBy(BackupCopyEntity, { backupId: copy.backupId, status: 'completed' });
  const others = good.filter(({ id, damagedAt }) => id !== copy.id && damagedAt === null);
  if (copy.damagedAt === null && others.length === 0) {
    throw new AppError(
      'PROTECTED',
      `Backup ${copy.backupId} is damaged, and copy ${copy.id} is the last good one of it.`,
      { remediation: 'Promote this copy, or delete the whole backup.' },
    );
  }
}
