/** Whether a restore has happened, as the server itself tells, and what its row says then. */
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { readSwapState } from '@holdfast/platform/pgtools/swap-databases';
import type { OperationContext } from '../operations/index.ts';
import { keptName } from './restore-names.ts';
import type { RestoreRow } from './restore.entity.ts';

export async function hasExchanged(
  server: DatabaseSession,
  { operationId, targetDatabase, plan, metadata }: RestoreRow,
): Promise<boolean> {
  if (plan.strategy === 'in_place') {
    const { transactionId } = metadata;
    return typeof transactionId === 'string' && (await hasCommitted(server, transactionId));
  }
  const names = { operationId, live: targetDatabase, aside: keptName(operationId) };
  return (await readSwapState(server, names)) === 'swapped';
}

/** Of a restore in place, whose sessions have ended: a transaction has no other end than these. */
export async function hasCommitted(server: DatabaseSession, transactionId: string): Promise<boolean> {
  const { status } = await server.queryOne<{ status: string | null }>(
    'SELECT pg_xact_status($1::xid8) AS status',
    [transactionId],
  );
  return status === 'committed';
}

/** Columns of the row of a restore that has happened. */
export function outcomeColumns(
  { deps, settings }: OperationContext,
  { operationId, plan }: RestoreRow,
): Record<string, unknown> {
  const windowMs = settings.rollbackWindowHours * 3_600_000;
  return {
    current_step: null,
    progress_percent: 100,
    kept_database: plan.strategy === 'swap' ? keptName(operationId) : null,
    can_rollback: windowMs > 0 && plan.strategy !== 'in_place',
    // The original of a swap goes after this time, at once where there is no window.
    rollback_expires_at:
      plan.strategy === 'in_place' ? null : new Date(deps.clock.now().getTime() + windowMs),
  };
}
