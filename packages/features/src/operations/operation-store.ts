/** The moves of an operation's row: each one conditional UPDATE that names the attempt it belongs to. */
import type { AppError } from '@holdfast/contracts/errors';
import type { DataSource, EntityManager } from 'typeorm';
import { isRunning, type OperationTable, operationTables } from './operation-table.ts';

/** Claims are counted and made under this advisory lock, so that the limit holds across the cluster. */
const claimLock = 7_301_002;

export interface Attempt {
  readonly id: string;
  readonly attempt: number;
}

/** `obsolete`: the row does not wait for this attempt (any more). `full`: as many run as may. */
export type ClaimAnswer = 'claimed' | 'obsolete' | 'full';

export interface ClaimOptions extends Attempt {
  readonly workerId: string;
}

export async function claimOperation(
  source: DataSource,
  table: OperationTable,
  claim: ClaimOptions,
): Promise<ClaimAnswer> {
  return await source.transaction(async (manager) => {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [claimLock]);
    const isFull = await hasReachedLimit(manager);
    if (isFull) {
      return (await isWaiting(manager, table, claim)) ? 'full' : 'obsolete';
    }
    const claimed = await update(
      manager,
      `UPDATE ${table.table} SET status = '${table.runningStatuses[0]}', attempt = $2, worker_id = $3, heartbeat_at = clock_timestamp(), not_before = NULL,
         started_at = clock_timestamp(), error_code = NULL, error_message = NULL, error_remediation = NULL
       WHERE ${table.key} = $1 AND status = 'pending' AND attempt = $2 - 1 AND cancel_requested_at IS NULL AND ${table.isReleased}
         AND (not_before IS NULL OR not_before <= clock_timestamp())`,
      [claim.id, claim.attempt, claim.workerId],
    );
    return claimed ? 'claimed' : 'obsolete';
  });
}

async function hasReachedLimit(manager: EntityManager): Promise<boolean> {
  const counts = Object.values(operationTables).map(
    (kind) => `(SELECT count(*) FROM ${kind.table} WHERE ${isRunning(kind)})`,
  );
  const [row] = (await manager.query(
    `SELECT ${counts.join(' + ')} >= (SELECT max_concurrent_operations FROM backup_settings WHERE id = 1) AS "isFull"`,
  )) as [{ isFull: boolean }];
  return row.isFull;
}

async function isWaiting(
  manager: EntityManager,
  table: OperationTable,
  { id, attempt }: Attempt,
): Promise<boolean> {
  const rows = (await manager.query(
    `SELECT 1 FROM ${table.table}
     WHERE ${table.key} = $1 AND status = 'pending' AND attempt = $2 - 1 AND cancel_requested_at IS NULL AND ${table.isReleased}`,
    [id, attempt],
  )) as unknown[];
  return rows.length > 0;
}

export interface BeatAnswer {
  /** False when another attempt, or nobody, holds the operation: stop at once. */
  readonly isOwner: boolean;
  readonly isCancelRequested: boolean;
}

export async function beat(
  source: DataSource,
  table: OperationTable,
  { id, attempt }: Attempt,
): Promise<BeatAnswer> {
  const [rows] = (await source.query(
    `UPDATE ${table.table} SET heartbeat_at = clock_timestamp() WHERE ${table.key} = $1 AND attempt = $2 AND ${isRunning(table)}
     RETURNING cancel_requested_at IS NOT NULL AS "isCancelRequested"`,
    [id, attempt],
  )) as [{ isCancelRequested: boolean }[], number];
  return { isOwner: rows.length > 0, isCancelRequested: rows[0]?.isCancelRequested ?? false };
}

/** Locks the row of a running attempt until the transaction ends; false when it is no longer this attempt's. */
export async function lockAttempt(
  manager: EntityManager,
  table: OperationTable,
  { id, attempt }: Attempt,
): Promise<boolean> {
  const rows = (await manager.query(
    `SELECT 1 FROM ${table.table} WHERE ${table.key} = $1 AND attempt = $2 AND ${isRunning(table)} FOR UPDATE`,
    [id, attempt],
  )) as unknown[];
  return rows.length > 0;
}

/** True where this attempt, and no other, has completed the operation. */
export async function hasCompleted(
  manager: EntityManager,
  table: OperationTable,
  { id, attempt }: Attempt,
): Promise<boolean> {
  const rows = (await manager.query(
    `SELECT 1 FROM ${table.table} WHERE ${table.key} = $1 AND attempt = $2 AND status = 'completed'`,
    [id, attempt],
  )) as unknown[];
  return rows.length > 0;
}

export type Settlement =
  /** `columns`: what this kind of operation records besides, by column name. */
  | { readonly status: 'completed'; readonly columns: Readonly<Record<string, unknown>> }
  | { readonly status: 'failed' | 'cancelled'; readonly error: AppError }
  /** Back to wait for the next attempt; `error` null where nothing went wrong (a worker that shuts down). */
  | { readonly status: 'pending'; readonly error: AppError | null; readonly retryInMs: number };

/** Ends a running attempt. False when it was no longer this attempt's: then nothing has changed. */
export async function settleAttempt(
  manager: EntityManager,
  table: OperationTable,
  attempt: Attempt,
  settlement: Settlement,
): Promise<boolean> {
  return await moveFrom(manager, table, { ...attempt, from: 'running', settlement });
}

interface MoveOptions extends Attempt {
  readonly from: 'running' | 'pending';
  readonly settlement: Settlement;
  /** Only while the heartbeat is still this one, as text. */
  readonly heartbeat?: string;
}

export async function moveFrom(
  manager: EntityManager,
  table: OperationTable,
  options: MoveOptions,
): Promise<boolean> {
  const { settlement } = options;
  const values: unknown[] = [options.id, options.attempt, settlement.status];
  const sets = ['status = $3'];
  const set = (column: string, value: unknown): void => {
    values.push(value);
    sets.push(`${column} = $${values.length}`);
  };
  if (settlement.status === 'pending') {
    sets.push(
      `worker_id = NULL, heartbeat_at = NULL, retry_count = retry_count + ${settlement.error === null ? 0 : 1}`,
    );
    values.push(settlement.retryInMs);
    sets.push(`not_before = clock_timestamp() + $${values.length} * interval '1 millisecond'`);
  } else {
    sets.push('completed_at = clock_timestamp()');
    sets.push(
      'duration = CEIL(EXTRACT(EPOCH FROM clock_timestamp() - COALESCE(started_at, clock_timestamp())))',
    );
  }
  const error = settlement.status === 'completed' ? null : settlement.error;
  set('error_code', error?.code ?? null);
  set('error_message', error?.message ?? null);
  set('error_remediation', error?.remediation ?? null);
  for (const [column, value] of Object.entries(settlement.status === 'completed' ? settlement.columns : {})) {
    set(column, value);
  }
  const condition =
    options.heartbeat === undefined ? '' : ` AND heartbeat_at::text = $${values.push(options.heartbeat)}`;
  return await update(
    manager,
    `UPDATE ${table.table} SET ${sets.join(', ')}
     WHERE ${table.key} = $1 AND attempt = $2 AND ${options.from === 'running' ? isRunning(table) : `status = 'pending'`}${condition}`,
    values,
  );
}

async function update(manager: EntityManager, sql: string, values: unknown[]): Promise<boolean> {
  const [, count] = (await manager.query(sql, values)) as [unknown[], number];
  return count > 0;
}
