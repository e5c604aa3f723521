/** Strategy: fill a database aside, then let it and the live one change names in one transaction. */
import { AppError } from '@holdfast/contracts/errors';
import {
  applyDatabaseProperties,
  createLikeStatement,
  type DatabaseProperties,
  readDatabaseProperties,
} from '@holdfast/platform/pgtools/database-properties';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { createScratchFrom, dropScratchDatabase } from '@holdfast/platform/pgtools/scratch-database';
import { explainSwapBlocker, readSwapBlockers } from '@holdfast/platform/pgtools/swap-blockers';
import { swapDatabases } from '@holdfast/platform/pgtools/swap-databases';
import { unmark } from '@holdfast/platform/pgtools/swap-comment';
import { isPartial } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { fillAside } from './fill-aside.ts';
import { recordOnRow, type RestoreJob, startRestoreStep } from './restore-job.ts';
import { keptName, shadowPrefix } from './restore-names.ts';
import { hasExchanged, outcomeColumns } from './restore-outcome.ts';

/** For sessions to end, and for the locks of the renames: whoever comes longer than this in the way is named, and nothing happens. */
export const swapTimeLimitMs = 5_000;

export async function restoreBySwap(context: OperationContext, job: RestoreJob): Promise<Completion> {
  const { attempt, ref, connect, deps } = context;
  const { maintenance, target } = job;
  if (isPartial(job.backup)) {
    throw new AppError(
      'INVALID_CONFIG',
      'The backup holds a part of its database; in a swap the rest would be gone.',
      { remediation: 'Restore it into a new database.' },
    );
  }
  await refuseBlockers(context, target);
  const aside = { ...target, database: `${shadowPrefix(ref.id)}${attempt}` };
  const properties = await withDatabase(maintenance, connect, (session) =>
    readDatabaseProperties(session, target.database),
  );
  context.onEnd(() => dropShadow(context, maintenance, aside.database));
  await withDatabase(maintenance, connect, (session) =>
    createScratchFrom(session, aside.database, createLikeStatement(aside.database, properties)),
  );
  await deps.reached('restore-created');
  await fillAside(context, job, aside);
  await refuseBlockers(context, target);
  const comment = await carryOver(context, job, aside.database);
  await startRestoreStep(context, 'swap');
  await beginExchange(context);
  await deps.reached('restore-exchanging');
  return completeExchange(context, job, { aside: aside.database, comment });
}

/** What changed since the shadow was made counts too: as the live database is now. */
async function carryOver(
  { connect }: OperationContext,
  { maintenance, target }: RestoreJob,
  aside: string,
): Promise<DatabaseProperties['comment']> {
  return await withDatabase(maintenance, connect, async (session) => {
    const properties = await readDatabaseProperties(session, target.database);
    await applyDatabaseProperties(session, aside, properties);
    return unmark(properties.comment, ['closed', 'restored', 'kept', 'undone']);
  });
}

/**
 * From here on the databases may have been exchanged: whoever takes the operation over has to look, and it is no longer cancelled.
 * @throws AppError CANCELLED where that was asked for just before
 */
export async function beginExchange(
  context: OperationContext,
  facts: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { deps, ref } = context;
  await recordOnRow(
    context,
    `metadata = CASE WHEN cancel_requested_at IS NULL
       THEN metadata || jsonb_build_object('exchangeBegunAt', clock_timestamp()) || $3 ELSE metadata END`,
    [facts],
  );
  const [row] = (await deps.source.query(
    `SELECT metadata ? 'exchangeBegunAt' AS "hasBegun" FROM restore_operations WHERE operation_id = $1`,
    [ref.id],
  )) as { hasBegun: boolean }[];
  if (row?.hasBegun !== true) {
    throw new AppError('CANCELLED', 'The operation was cancelled.');
  }
}

interface Incoming {
  readonly aside: string;
  readonly comment: string | null;
}

/** The exchange happens with the row locked for this attempt; again where the metadata database went away: what has happened stays so. */
export function completeExchange(
  context: OperationContext,
  { row, target, maintenance }: Pick<RestoreJob, 'row' | 'target' | 'maintenance'>,
  incoming: Incoming | null = null,
): Completion {
  const { connect, deps, ref } = context;
  return async (manager) => {
    const isDone = await withDatabase(maintenance, connect, (session) => hasExchanged(session, row));
    if (!isDone && incoming !== null) {
      const { closedMs, sessionsEnded } = await swapDatabases({
        address: maintenance,
        connect,
        operationId: ref.id,
        live: target.database,
        incoming: incoming.aside,
        aside: keptName(ref.id),
        asideMarker: 'kept',
        comment: incoming.comment,
        timeLimitMs: swapTimeLimitMs,
        reached: (step) => deps.reached(`restore-${step}`),
        signal: context.signal,
      });
      context.logger.info({ closedMs, sessionsEnded }, 'the databases have been exchanged');
      await manager.query(`UPDATE restore_operations SET metadata = metadata || $2 WHERE operation_id = $1`, [
        ref.id,
        { closedMs: Math.round(closedMs), sessionsEnded },
      ]);
    }
    return outcomeColumns(context, row);
  };
}

/** @throws AppError INVALID_CONFIG */
export async function refuseBlockers({ connect }: OperationContext, target: DatabaseAddress): Promise<void> {
  const [blocker] = await withDatabase(target, connect, readSwapBlockers);
  if (blocker !== undefined) {
    const { detail, remediation } = explainSwapBlocker(blocker);
    throw new AppError('INVALID_CONFIG', detail, { remediation });
  }
}

/** A session of its own: the others may have broken with the server. After the exchange nothing has this name. */
export async function dropShadow(
  { connect }: OperationContext,
  maintenance: DatabaseAddress,
  name: string,
): Promise<void> {
  await withDatabase(maintenance, connect, (session) => dropScratchDatabase(session, name));
}
