/** Compares rows with the queue and mends: waiting rows without a job get one, rows whose worker is gone are settled. */
import { AppError } from '@holdfast/contracts/errors';
import { type OperationKind, operationKinds } from '@holdfast/contracts/operations';
import type { Clock } from '@holdfast/platform/clock';
import type { Logger } from '@holdfast/platform/logger';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { JobQueues } from '@holdfast/platform/queue/queues';
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { enqueueCopyDeletion, enqueueDeletion, reconcileKeyChecks } from '../backups/index.ts';
import {
  enqueueAttempt,
  hasRetryLeft,
  isRunning,
  moveFrom,
  operationTables,
  publishOperationEvent,
  retryDelayMs,
} from '../operations/index.ts';
import { expireApprovals } from '../restores/index.ts';
import { readSettings, type SettingsRow } from '../settings/index.ts';
import type { HeartbeatObserver, ObservedRow } from './heartbeat-observer.ts';

export interface ReconcileDeps {
  readonly source: DataSource;
  readonly queues: JobQueues;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly observer: HeartbeatObserver;
}

/** Enough to keep every worker busy until the next pass; the rest of a long queue that was lost follows as it drains. */
const enqueuePerPass = 200;

/** One pass. Any number of processes may run it at once: every change is a compare-and-set and every add names its attempt. */
export async function reconcile(deps: ReconcileDeps): Promise<void> {
  const settings = await readSettings(deps.source);
  const rows: ObservedRow[] = [];
  for (const kind of operationKinds) {
    rows.push(...(await readRunning(deps.source, kind)));
  }
  for (const row of deps.observer.observe(rows)) {
    await rescue(deps, row, settings);
  }
  await deps.queues.setOperationLimit(settings.maxConcurrentOperations);
  for (const kind of operationKinds) {
    await enqueueWaiting(deps, kind);
  }
  await expireApprovals(deps);
  await enqueueDeletions(deps);
  await reconcileKeyChecks(deps);
}

async function readRunning(source: DataSource, kind: OperationKind): Promise<ObservedRow[]> {
  const { table, key } = operationTables[kind];
  const rows = (await source.query(
    `SELECT ${key}::text AS id, attempt, heartbeat_at::text AS heartbeat, retry_count AS "retryCount",
       cancel_requested_at IS NOT NULL AS "isCancelRequested", worker_id AS "workerId",
       ${operationTables[kind].isPastReturn} AS "isPastReturn"
     FROM ${table} WHERE ${isRunning(operationTables[kind])}`,
  )) as Omit<ObservedRow, 'kind'>[];
  return rows.map((row) => ({ ...row, kind }));
}

/** The worker is gone: back to wait, or ended where it was to be cancelled or has no retry left. */
async function rescue(deps: ReconcileDeps, row: ObservedRow, settings: SettingsRow): Promise<void> {
  const { kind, id, attempt, heartbeat } = row;
  const error = row.isCancelRequested
    ? new AppError('CANCELLED', 'The operation was cancelled; its worker had died.')
    : new AppError('STALLED', `Worker ${row.workerId} gave no sign of life any more.`);
  const policy = { maxRetries: settings.maxRetries, retryDelaySeconds: settings.retryDelay };
  const isOwed = operationTables[kind].isOwed || row.isPastReturn;
  const settlement = row.isCancelRequested
    ? ({ status: 'cancelled', error } as const)
    : !hasRetryLeft({ isOwed }, row.retryCount, settings.maxRetries)
      ? ({ status: 'failed', error } as const)
      : ({
          status: 'pending',
          error,
          retryInMs: retryDelayMs(policy, row.retryCount, Math.random()),
        } as const);
  const isSettled = await deps.source.transaction(async (manager) => {
    const moved = await moveFrom(manager, operationTables[kind], {
      id,
      attempt,
      from: 'running',
      settlement,
      heartbeat,
    });
    if (moved) {
      await recordAudit(manager, systemActor, {
        action: `${kind}.rescue`,
        subjectType: kind,
        subjectId: id,
        outcome: 'succeeded',
        after: { attempt, status: settlement.status, workerId: row.workerId },
      });
    }
    return moved;
  });
  if (!isSettled) {
    return; // It lives, or somebody else was quicker.
  }
  deps.logger.warn(
    { operation: `${kind}:${id}`, attempt, status: settlement.status, workerId: row.workerId },
    'took an operation from a worker that is gone',
  );
  if (settlement.status === 'pending') {
    await enqueueAttempt(deps.queues, { kind, id, attempt: attempt + 1, delayMs: settlement.retryInMs });
  } else {
    await publishOperationEvent(deps, { kind, id, event: 'ended', status: settlement.status });
  }
}

async function enqueueWaiting({ source, queues }: ReconcileDeps, kind: OperationKind): Promise<void> {
  const { table, key, isReleased } = operationTables[kind];
  const rows = (await source.query(
    `SELECT ${key}::text AS id, attempt, GREATEST(0, EXTRACT(EPOCH FROM not_before - clock_timestamp()) * 1000)::int AS "delayMs"
     FROM ${table} WHERE status = 'pending' AND ${isReleased} ORDER BY created_at, ${key} LIMIT ${enqueuePerPass}`,
  )) as { id: string; attempt: number; delayMs: number | null }[];
  for (const { id, attempt, delayMs } of rows) {
    await enqueueAttempt(queues, { kind, id, attempt: attempt + 1, delayMs: delayMs ?? 0 });
  }
}

async function enqueueDeletions(deps: ReconcileDeps): Promise<void> {
  const rows = (await deps.source.query(
    `SELECT id FROM admin_backups WHERE status = 'deleting' ORDER BY id LIMIT ${enqueuePerPass}`,
  )) as { id: number }[];
  for (const { id } of rows) {
    await enqueueDeletion(deps, id);
  }
  // Those of a backup that goes as a whole go with it.
  const copies = (await deps.source.query(
    `SELECT copy.id FROM backup_copies copy JOIN admin_backups backup ON backup.id = copy.backup_id
     WHERE copy.status = 'deleting' AND backup.status <> 'deleting' ORDER BY copy.id LIMIT ${enqueuePerPass}`,
  )) as { id: string }[];
  for (const { id } of copies) {
    await enqueueCopyDeletion(deps, id);
  }
}
