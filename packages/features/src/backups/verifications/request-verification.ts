/** Command: accept a verification of a completed backup, or of a copy of it. */
import { AppError } from '@holdfast/contracts/errors';
import { type Actor, recordAudit } from '../../audit/index.ts';
import { enqueueAttempt, publishOperationEvent, type RequestDeps } from '../../operations/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { holdCompletedCopy } from '../copies/find-copy.ts';
import type { StoredPlace } from '../record-proof.ts';
import { VerificationEntity } from './verification.entity.ts';

/** @throws AppError BACKUP_NOT_FOUND, NOT_FOUND, IN_USE */
export async function requestVerification(
  deps: RequestDeps,
  { backupId, copyId }: StoredPlace,
  actor: Actor,
): Promise<string> {
  const id = await deps.source.transaction(async (manager) => {
    // The lock keeps a deletion from slipping in between.
    const backup = await manager.findOne(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_read' },
    });
    if (backup === null || backup.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
    }
    if (backup.status !== 'completed') {
      throw new AppError(
        'IN_USE',
        `Backup ${backupId} is ${backup.status}; only a completed one can be verified.`,
        { remediation: 'Wait until it has completed, or choose another backup.' },
      );
    }
    if (copyId !== null) {
      await holdCompletedCopy(manager, { backupId, copyId });
    }
    const inserted = await manager.insert(VerificationEntity, { backupId, copyId, createdBy: actor.userId });
    const { operationId } = inserted.identifiers[0] as { operationId: string };
    await recordAudit(manager, actor, {
      action: 'verify.create',
      subjectType: 'verify',
      subjectId: operationId,
      outcome: 'succeeded',
      after: { backupId, ...(copyId === null ? {} : { copyId }) },
    });
    return operationId;
  });
  const ref = { kind: 'verify', id } as const;
  await enqueueAttempt(deps.queues, { ...ref, attempt: 1, delayMs: 0 }).catch((error: unknown) => {
    deps.logger.warn(
      { error, verification: id },
      'the verification is accepted but not queued yet; the reconciler does it',
    );
  });
  await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
  return id;
}
