/** Command: another person approves or rejects a restore that waits for it. That it is another one is the database's rule, too. */
import { AppError } from '@holdfast/contracts/errors';
import type { Role } from '@holdfast/contracts/permissions';
import type { EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { can } from '../auth/index.ts';
import { enqueueAttempt, moveFrom, operationTables, publishOperationEvent } from '../operations/index.ts';
import { readSettings } from '../settings/index.ts';
import type { RequestRestoreDeps } from './request-restore.ts';
import { RestoreEntity, type RestoreRow } from './restore.entity.ts';
import { optionsOf } from './restore-options.ts';
import { evaluateRestore, expectPlan } from './validation/evaluate-restore.ts';

export interface Decision {
  readonly operationId: string;
  readonly reason: string;
  readonly actor: Actor;
  readonly userId: string;
}

/**
 * The target is looked at once more: it may have changed while somebody thought about it.
 * @throws AppError NOT_FOUND, IN_USE, FORBIDDEN, CONFIRMATION_EXPIRED, VALIDATION_FAILED, and as evaluateRestore does
 */
export async function approveRestore(deps: RequestRestoreDeps, decision: Decision): Promise<void> {
  const waiting = await deps.source.transaction((manager) => lockWaiting(manager, decision));
  const evaluation = await evaluateRestore(deps, {
    options: optionsOf(waiting),
    userId: waiting.initiatedBy,
    operationId: waiting.operationId,
  });
  if (evaluation.digest !== waiting.reportDigest) {
    throw new AppError(
      'CONFIRMATION_EXPIRED',
      'The target or the backup has changed since the restore was confirmed.',
      { remediation: 'Reject it, and have it validated and confirmed anew.' },
    );
  }
  expectPlan(evaluation);
  await deps.source.transaction(async (manager) => {
    await lockWaiting(manager, decision);
    await record(manager, decision, 'approved');
  });
  const ref = { kind: 'restore', id: decision.operationId } as const;
  await enqueueAttempt(deps.queues, { ...ref, attempt: waiting.attempt + 1, delayMs: 0 }).catch(
    (error: unknown) => {
      deps.logger.warn({ error, ...ref }, 'approved but not queued yet; the reconciler does it');
    },
  );
}

/** @throws AppError NOT_FOUND, IN_USE, FORBIDDEN, CONFIRMATION_EXPIRED */
export async function rejectRestore(deps: RequestRestoreDeps, decision: Decision): Promise<void> {
  await deps.source.transaction(async (manager) => {
    const { attempt } = await lockWaiting(manager, decision);
    await record(manager, decision, 'rejected');
    await moveFrom(manager, operationTables.restore, {
      id: decision.operationId,
      attempt,
      from: 'pending',
      settlement: {
        status: 'cancelled',
        error: new AppError('CANCELLED', `Rejected by ${decision.actor.name}: ${decision.reason}`, {
          remediation: 'Talk about it, and ask anew.',
        }),
      },
    });
  });
  await publishOperationEvent(deps, {
    kind: 'restore',
    id: decision.operationId,
    event: 'ended',
    status: 'cancelled',
  });
}

/** A restore that this person may decide about, locked until the transaction ends. */
async function lockWaiting(manager: EntityManager, { operationId, userId }: Decision): Promise<RestoreRow> {
  const row = await manager.findOne(RestoreEntity, {
    where: { operationId },
    lock: { mode: 'pessimistic_write' },
  });
  if (row === null) {
    throw new AppError('NOT_FOUND', `There is no restore ${operationId}.`);
  }
  if (row.initiatedBy === userId) {
    throw new AppError('FORBIDDEN', 'Nobody decides about a restore of their own.', {
      remediation: 'Ask another person who may restore. To give it up, cancel it.',
    });
  }
  await refuseLate(manager, row);
  if (row.approvalStatus !== 'awaiting' || row.status !== 'pending') {
    throw new AppError('IN_USE', `The restore does not wait for a decision: ${describe(row)}.`, {
      remediation: 'Nothing is left to decide.',
    });
  }
  await expectRight(manager, row.initiatedBy);
  return row;
}

function describe({ approvalStatus, status }: RestoreRow): string {
  return approvalStatus === 'awaiting' ? `it is ${status}` : `its approval is "${approvalStatus}"`;
}

/** By the clock of the database, which its own rule goes by. */
async function refuseLate(manager: EntityManager, row: RestoreRow): Promise<void> {
  const [{ isLate }] = (await manager.query(
    `SELECT approval_expires_at <= clock_timestamp() AND approval_status IN ('awaiting', 'expired') AS "isLate"
     FROM restore_operations WHERE operation_id = $1`,
    [row.operationId],
  )) as [{ isLate: boolean }];
  if (isLate) {
    throw new AppError('CONFIRMATION_EXPIRED', 'Nobody decided in time; the restore is given up.');
  }
}

/** Who asked may have lost the right since. */
async function expectRight(manager: EntityManager, initiatedBy: string): Promise<void> {
  const [user] = (await manager.query('SELECT username, role, is_active FROM users WHERE user_id = $1', [
    initiatedBy,
  ])) as { username: string; role: Role; is_active: boolean }[];
  const settings = await readSettings(manager);
  if (user === undefined || !user.is_active || !can(user.role, 'restores.create', settings)) {
    throw new AppError('FORBIDDEN', `${user?.username ?? 'Who asked for it'} may not restore any more.`, {
      remediation: 'Reject it, or have somebody else ask for it.',
    });
  }
}

async function record(
  manager: EntityManager,
  { operationId, reason, userId, actor }: Decision,
  status: 'approved' | 'rejected',
): Promise<void> {
  await manager.update(
    RestoreEntity,
    { operationId },
    {
      approvalStatus: status,
      ...(status === 'approved'
        ? { approvedBy: userId, currentStep: 'waiting for a worker' }
        : { rejectedBy: userId }),
      decidedAt: () => 'clock_timestamp()',
      decisionReason: reason,
    },
  );
  await recordAudit(manager, actor, {
    action: status === 'approved' ? 'restore.approve' : 'restore.reject',
    subjectType: 'restore',
    subjectId: operationId,
    outcome: 'succeeded',
    after: { reason },
  });
}
