/** Command: accept a confirmed restore. The target is looked at once more; token, row and audit line are one transaction. */
import type { CreateRestore, RestoreOptions } from '@holdfast/contracts/restores';
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { BackupEntity, holdCompletedCopy } from '../backups/index.ts';
import { holdDatabase } from '../databases/index.ts';
import {
  claimKey,
  enqueueAttempt,
  isKeyTaken,
  keepAnswer,
  publishOperationEvent,
  type RequestDeps,
} from '../operations/index.ts';
import { checkToken, takeToken, voidToken } from './confirmation.ts';
import { lockTarget } from './lock-target.ts';
import { RestoreEntity } from './restore.entity.ts';
import { createsPreBackup } from './validation/choose-strategy.ts';
import {
  type EvaluateDeps,
  type Evaluation,
  evaluateRestore,
  expectPlan,
} from './validation/evaluate-restore.ts';
import { findActiveRestore } from './validation/find-active-restore.ts';

export type RequestRestoreDeps = RequestDeps & EvaluateDeps;

export interface RequestRestore {
  readonly input: CreateRestore;
  readonly actor: Actor;
  readonly userId: string;
  readonly idempotencyKey: string | null;
}

/** Somebody else has this long to decide. */
const approvalHours = 24;

/**
 * @returns the operation's id as soon as its row is committed, whether Redis is up or not
 * @throws AppError VALIDATION_FAILED, CONFIRMATION_EXPIRED, IN_USE, IDEMPOTENCY_CONFLICT, and as evaluateRestore does
 */
export async function requestRestore(deps: RequestRestoreDeps, request: RequestRestore): Promise<string> {
  const repeated = await answerAgain(deps, request);
  if (repeated !== null) {
    return repeated;
  }
  const { confirmationToken: token, confirmTarget, ...options } = request.input;
  const confirmedDigest = await checkToken(deps.source.manager, { token, userId: request.userId, options });
  const evaluation = await evaluateRestore(deps, { options, userId: request.userId });
  if (confirmTarget !== evaluation.targetName) {
    const message = `type the name of the target, which is "${evaluation.targetName}"`;
    throw new AppError('VALIDATION_FAILED', message, { fields: [{ path: '/confirmTarget', message }] });
  }
  if (evaluation.digest !== confirmedDigest) {
    await voidToken(deps.source.manager, token);
    throw new AppError(
      'CONFIRMATION_EXPIRED',
      'The target or the backup has changed since it was validated.',
    );
  }
  expectPlan(evaluation);
  await deps.reached('restore-evaluated');
  const { operationId, isRepeat } = await deps.source.transaction((manager) =>
    accept(manager, request, { options, evaluation, token }),
  );
  if (!isRepeat) {
    await deps.reached('restore-committed');
    await announce(deps, operationId);
  }
  return operationId;
}

async function answerAgain(
  deps: RequestRestoreDeps,
  { actor, input, idempotencyKey: key }: RequestRestore,
): Promise<string | null> {
  if (key === null || !(await isKeyTaken(deps.source, { actor, key }))) {
    return null;
  }
  const answer = await deps.source.transaction((manager) =>
    claimKey<{ operationId: string }>(manager, { actor, key, input }),
  );
  return answer?.operationId ?? null;
}

/** One that waits for approval is queued too, and passed over until it is released. */
async function announce(deps: RequestRestoreDeps, operationId: string): Promise<void> {
  const ref = { kind: 'restore', id: operationId } as const;
  await enqueueAttempt(deps.queues, { ...ref, attempt: 1, delayMs: 0 }).catch((error: unknown) => {
    deps.logger.warn({ error, operationId }, 'accepted but not queued yet; the reconciler does it');
  });
  await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
}

interface Acceptance {
  readonly options: RestoreOptions;
  readonly evaluation: Evaluation;
  readonly token: string;
}

async function accept(
  manager: EntityManager,
  { input, actor, userId, idempotencyKey: key }: RequestRestore,
  { options, evaluation, token }: Acceptance,
): Promise<{ operationId: string; isRepeat: boolean }> {
  const earlier =
    key === null ? null : await claimKey<{ operationId: string }>(manager, { actor, key, input });
  if (earlier !== null) {
    return { ...earlier, isRepeat: true };
  }
  await takeToken(manager, token);
  await lockTarget(manager, evaluation.targetKey);
  const [active] = await findActiveRestore(manager, evaluation.targetKey, null);
  if (active !== undefined) {
    throw new AppError('IN_USE', active.detail, { remediation: active.remediation });
  }
  await holdSource(manager, options);
  await holdDatabase(manager, evaluation.database.id);
  const operationId = await insertRestore(manager, { userId, options, evaluation });
  if (key !== null) {
    await keepAnswer(manager, { actor, key }, { operationId });
  }
  await recordAudit(manager, actor, {
    action: 'restore.create',
    subjectType: 'restore',
    subjectId: operationId,
    outcome: 'succeeded',
    after: { options, strategy: evaluation.plan?.strategy, target: evaluation.targetName },
  });
  return { operationId, isRepeat: false };
}

/** The lock keeps a deletion from slipping in between. */
async function holdSource(manager: EntityManager, { sourceBackupId, copyId }: RestoreOptions): Promise<void> {
  const backup = await manager.findOne(BackupEntity, {
    where: { id: sourceBackupId, status: 'completed' },
    lock: { mode: 'pessimistic_read' },
  });
  if (backup === null) {
    throw new AppError('BACKUP_NOT_FOUND', `Backup ${sourceBackupId} is no longer there.`);
  }
  if (copyId !== undefined) {
    await holdCompletedCopy(manager, { backupId: sourceBackupId, copyId });
  }
}

async function insertRestore(
  manager: EntityManager,
  { userId, options, evaluation }: Pick<Acceptance, 'options' | 'evaluation'> & { readonly userId: string },
): Promise<string> {
  const plan = expectPlan(evaluation);
  const { backup, approval, impact } = evaluation;
  const { affectedTables: _tables, tables: _rows, sessions: _sessions, ...stored } = impact.assessment;
  const inserted = await manager
    .createQueryBuilder()
    .insert()
    .into(RestoreEntity)
    .values({
      displayName: options.displayName,
      description: options.description ?? null,
      sourceBackupId: backup.id,
      copyId: options.copyId ?? null,
      sourceFilename: backup.filename,
      restoreType: options.restoreType ?? 'full',
      strategy: plan.strategy,
      databaseId: evaluation.database.id,
      targetDatabase: evaluation.targetName,
      targetKey: evaluation.targetKey,
      createPreBackup: createsPreBackup(options, plan.strategy),
      preBackupWaiverReason: options.preBackupWaiverReason ?? null,
      includedTables: options.includedTables ?? [],
      excludedTables: options.excludedTables ?? [],
      includeIndexes: options.includeIndexes ?? true,
      includeConstraints: options.includeConstraints ?? true,
      includeTriggers: options.includeTriggers ?? true,
      plan,
      reportDigest: evaluation.digest,
      initiatedBy: userId,
      validationWarnings: evaluation.warnings.map(({ detail }) => detail),
      impactAssessment: stored,
      currentStep: approval.isRequired ? 'awaiting approval' : 'waiting for a worker',
      approvalStatus: approval.isRequired ? 'awaiting' : 'not_required',
      approvalExpiresAt: approval.isRequired
        ? () => `clock_timestamp() + interval '${approvalHours} hours'`
        : null,
    })
    .returning('operation_id')
    .execute();
  const [{ operation_id: operationId }] = inserted.raw as [{ operation_id: string }];
  return operationId;
}
