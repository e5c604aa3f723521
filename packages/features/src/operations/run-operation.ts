/** Runs one attempt of an operation: claim, watch, work, settle. The only place where an attempt ends. */
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { OperationRef } from '@holdfast/contracts/operations';
import { isConnectionLoss } from '@holdfast/platform/db/connection-loss';
import type { PutBack } from '@holdfast/platform/queue/define-worker';
import type { EntityManager } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { ProgressMeter, ProgressReporter } from '../progress/index.ts';
import { readSettings } from '../settings/index.ts';
import { enqueueAttempt } from './enqueue-operation.ts';
import {
  FencedError,
  HandBackError,
  type OperationContext,
  type OperationDeps,
  type Undo,
} from './operation-context.ts';
import {
  claimOperation,
  hasCompleted,
  lockAttempt,
  type Settlement,
  settleAttempt,
} from './operation-store.ts';
import { applicationNamePrefix, operationTables } from './operation-table.ts';
import { publishOperationEvent } from './publish-event.ts';
import { hasRetryLeft, retryDelayMs } from './retry-delay.ts';
import { untilMetadataAnswers } from './until-metadata-answers.ts';
import { watchAttempt } from './watch-attempt.ts';

/** Makes the result visible and returns the columns to record; runs in the transaction that completes the row, with the row locked. */
export type Completion = (manager: EntityManager) => Promise<Readonly<Record<string, unknown>>>;

export interface OperationWork {
  readonly ref: OperationRef;
  readonly attempt: number;
  /** Throws AppError, or what the signal was aborted with. */
  readonly run: (context: OperationContext) => Promise<Completion>;
  /** Claimed already, by an operation of this worker that it is a part of: it takes no slot of its own and is not tried again by itself. */
  readonly isPart?: boolean;
}

export async function runOperation(
  deps: OperationDeps,
  work: OperationWork,
  shutdown: AbortSignal,
): Promise<PutBack | undefined> {
  const { ref, attempt } = work;
  const table = operationTables[ref.kind];
  const settings = await readSettings(deps.source);
  const isClaimed =
    work.isPart === true ||
    (await claimOperation(deps.source, table, { id: ref.id, attempt, workerId: deps.workerId })) ===
      'claimed';
  if (!isClaimed) {
    // Not waiting for this attempt, or as many run as may: the reconciler adds the job of a row that waits again.
    return undefined;
  }
  const controller = new AbortController();
  const forward = (): void => controller.abort(new HandBackError('the worker shuts down'));
  shutdown.addEventListener('abort', forward, { once: true });
  deps.running.add(ref, controller);
  const undo: Undo[] = [];
  const context = createContext(deps, work, {
    settings,
    signal: controller.signal,
    onEnd: (step) => undo.unshift(step),
  });
  context.progress.start();
  const stopWatching = watchAttempt({
    deps,
    table,
    attempt: { id: ref.id, attempt },
    meter: context.progress.meter,
    settings,
    controller,
  });
  try {
    await workAndSettle(context, work, undo);
  } finally {
    await stopWatching();
    context.progress.stop();
    deps.running.remove(ref);
    shutdown.removeEventListener('abort', forward);
  }
  return undefined;
}

function createContext(
  deps: OperationDeps,
  { ref, attempt, isPart = false }: OperationWork,
  given: Pick<OperationContext, 'settings' | 'signal' | 'onEnd'>,
): OperationContext {
  const logger = deps.logger.child({ operation: `${ref.kind}:${ref.id}`, attempt });
  const meter = new ProgressMeter({ ref, attempt, clock: deps.clock });
  return {
    ...given,
    ref,
    attempt,
    isPart,
    logger,
    deps,
    progress: new ProgressReporter(meter, { redis: deps.redis, keys: deps.keys, logger }),
    connect: {
      applicationName: `${applicationNamePrefix(deps.installation, ref)}${attempt}`,
      connectTimeoutMs: given.settings.connectionTimeout * 1000,
    },
  };
}

async function workAndSettle(
  context: OperationContext,
  work: OperationWork,
  undo: readonly Undo[],
): Promise<void> {
  const { logger, signal } = context;
  let failure: unknown = null;
  try {
    logger.info('attempt started');
    const completion = await work.run(context);
    signal.throwIfAborted();
    await untilMetadataAnswers(context, () => complete(context, completion));
  } catch (error) {
    // An abort shows itself as whatever broke first; its reason is the cause.
    failure = signal.aborted ? signal.reason : error;
  }
  // Before the outcome is told: who hears of a failure finds nothing left behind.
  for (const step of undo) {
    await step(failure === null).catch((error: unknown) =>
      logger.warn({ error }, 'cleaning up failed; the next sweep does it'),
    );
  }
  if (failure === null) {
    await announce(context, { status: 'completed', columns: {} });
  } else {
    await settleFailure(context, failure);
  }
}

async function complete(context: OperationContext, completion: Completion): Promise<void> {
  const { deps, ref, attempt } = context;
  const table = operationTables[ref.kind];
  const owned = { id: ref.id, attempt };
  await deps.source.transaction(async (manager) => {
    if (!(await lockAttempt(manager, table, owned))) {
      if (await hasCompleted(manager, table, owned)) {
        return; // An earlier COMMIT went through although its answer was lost.
      }
      throw new FencedError('the operation is no longer ours');
    }
    const columns = await completion(manager);
    await settleAttempt(manager, table, owned, { status: 'completed', columns });
    await auditEnd(manager, context, 'completed', null);
  });
}

const fencedMessage = 'another attempt holds the operation; this one changed nothing';

async function settleFailure(context: OperationContext, failure: unknown): Promise<void> {
  const { deps, ref, attempt, logger } = context;
  if (failure instanceof FencedError) {
    logger.warn(fencedMessage);
    return;
  }
  const settlement = await chooseSettlement(context, failure);
  const isSettled = await untilMetadataAnswers(context, () =>
    deps.source.transaction(async (manager) => {
      const settled = await settleAttempt(
        manager,
        operationTables[ref.kind],
        { id: ref.id, attempt },
        settlement,
      );
      if (settled && settlement.status !== 'pending') {
        await auditEnd(
          manager,
          context,
          settlement.status,
          settlement.status === 'completed' ? null : settlement.error,
        );
      }
      return settled;
    }),
  );
  if (!isSettled) {
    logger.warn(fencedMessage);
    return;
  }
  await announce(context, settlement);
}

async function chooseSettlement(context: OperationContext, failure: unknown): Promise<Settlement> {
  const { deps, ref, settings, logger, isPart } = context;
  if (failure instanceof HandBackError) {
    return isPart
      ? { status: 'cancelled', error: new AppError('CANCELLED', 'What it was a part of was handed back.') }
      : { status: 'pending', error: null, retryInMs: 0 };
  }
  const error =
    failure instanceof AppError ? failure : new AppError(...nameUnexpected(failure), { cause: failure });
  logger.warn({ error, code: error.code }, 'attempt failed');
  if (error.code === 'CANCELLED') {
    return { status: 'cancelled', error };
  }
  const operation = operationTables[ref.kind];
  const { table, key } = operation;
  const [row] = await untilMetadataAnswers<{ retryCount: number; isPastReturn: boolean }[]>(context, () =>
    deps.source.query(
      `SELECT retry_count AS "retryCount", ${operation.isPastReturn} AS "isPastReturn" FROM ${table} WHERE ${key} = $1`,
      [ref.id],
    ),
  );
  const retryCount = row?.retryCount ?? 0;
  const isOwed = operation.isOwed || (row?.isPastReturn ?? false);
  if (isPart || !error.transient || !hasRetryLeft({ isOwed }, retryCount, settings.maxRetries)) {
    return { status: 'failed', error };
  }
  const policy = { maxRetries: settings.maxRetries, retryDelaySeconds: settings.retryDelay };
  return { status: 'pending', error, retryInMs: retryDelayMs(policy, retryCount, Math.random()) };
}

/** What the servers of others say has been named where it was met; what comes here without a name is of our own. */
function nameUnexpected(failure: unknown): [ErrorCode, string] {
  return isConnectionLoss(failure)
    ? ['SERVICE_UNAVAILABLE', 'A server that Holdfast itself uses went away in the middle of the attempt.']
    : ['INTERNAL', 'An unexpected error; the log of the worker has the details.'];
}

async function announce(context: OperationContext, settlement: Settlement): Promise<void> {
  const { deps, ref, attempt, progress, logger } = context;
  const error = settlement.status === 'completed' ? null : settlement.error;
  await progress.end(settlement.status, error);
  if (settlement.status === 'pending') {
    await enqueueAttempt(deps.queues, { ...ref, attempt: attempt + 1, delayMs: settlement.retryInMs }).catch(
      (cause: unknown) => {
        logger.warn({ error: cause }, 'the next attempt could not be queued; the reconciler does it');
      },
    );
    return;
  }
  logger.info({ status: settlement.status }, 'attempt ended');
  await publishOperationEvent(deps, { ...ref, event: 'ended', status: settlement.status });
}

async function auditEnd(
  manager: EntityManager,
  { ref, attempt }: OperationContext,
  status: string,
  error: AppError | null,
): Promise<void> {
  await recordAudit(manager, systemActor, {
    action: `${ref.kind}.${status}`,
    subjectType: ref.kind,
    subjectId: ref.id,
    outcome: status === 'completed' ? 'succeeded' : 'failed',
    after: { attempt, ...(error === null ? {} : { code: error.code, message: error.message }) },
  });
}
