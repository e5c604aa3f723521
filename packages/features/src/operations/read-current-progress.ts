/** The newest state of an operation for who joins now: live progress while it runs, the row's own word for its status. */
import { AppError } from '@holdfast/contracts/errors';
import type { OperationProgress, OperationRef } from '@holdfast/contracts/operations';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { readProgress } from '../progress/index.ts';
import { operationTables } from './operation-table.ts';

export interface CurrentProgressDeps {
  readonly source: DataSource;
  readonly redis: Redis;
  readonly keys: RedisKeys;
}

interface RowState {
  status: string;
  attempt: number;
  errorCode: string | null;
  errorMessage: string | null;
  changedAt: Date;
}

/** @throws AppError BACKUP_NOT_FOUND or NOT_FOUND */
export async function readCurrentProgress(
  deps: CurrentProgressDeps,
  ref: OperationRef,
): Promise<OperationProgress> {
  const row = await readRow(deps.source, ref);
  // Redis may be away: the row alone is an answer too.
  const live = await readProgress(deps.redis, deps.keys, ref).catch(() => null);
  // While a worker has it, the row may have more exact a word than `running`.
  const isLive = live?.status === 'running' && operationTables[ref.kind].runningStatuses.includes(row.status);
  if (live !== null && live.attempt === row.attempt && (isLive || live.status === row.status)) {
    return { ...live, status: row.status };
  }
  const isDone = row.status === 'completed';
  return {
    kind: ref.kind,
    id: ref.id,
    attempt: row.attempt,
    seq: live?.attempt === row.attempt ? live.seq : 0,
    status: row.status,
    progressPercent: isDone ? 100 : live?.attempt === row.attempt ? Math.min(99, live.progressPercent) : 0,
    currentStep: row.status === 'pending' ? 'Waiting' : (live?.currentStep ?? row.status),
    bytesDone: live?.bytesDone ?? 0,
    bytesTotal: live?.bytesTotal ?? null,
    isBytesTotalEstimated: live?.isBytesTotalEstimated ?? false,
    table: null,
    bytesPerSecond: null,
    ...(row.errorCode === null ? {} : { errorCode: row.errorCode }),
    ...(row.errorMessage === null ? {} : { errorMessage: row.errorMessage }),
    updatedAt: row.changedAt.toISOString(),
  };
}

async function readRow(source: DataSource, ref: OperationRef): Promise<RowState> {
  const { table, key } = operationTables[ref.kind];
  const [row] = (await source.query(
    `SELECT status, attempt, error_code AS "errorCode", error_message AS "errorMessage",
       COALESCE(completed_at, heartbeat_at, created_at) AS "changedAt"
     FROM ${table} WHERE ${key} = $1 AND status <> 'deleted'`,
    [ref.id],
  )) as RowState[];
  if (row === undefined) {
    throw new AppError(
      ref.kind === 'backup' ? 'BACKUP_NOT_FOUND' : 'NOT_FOUND',
      `There is no ${ref.kind} ${ref.id}.`,
    );
  }
  return row;
}
