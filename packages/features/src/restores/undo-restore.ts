/** The ways to undo a restore that has happened. Each looks first, since an attempt before it may have done it. */
import { AppError } from '@holdfast/contracts/errors';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { dropScratchDatabase } from '@holdfast/platform/pgtools/scratch-database';
import {
  listMarked,
  type MarkedDatabase,
  readSwapState,
  swapDatabases,
} from '@holdfast/platform/pgtools/swap-databases';
import { parseComment } from '@holdfast/platform/pgtools/swap-comment';
import type { OperationContext } from '../operations/index.ts';
import { keptName, undoneName } from './restore-names.ts';
import { refuseBlockers, swapTimeLimitMs } from './restore-by-swap.ts';
import type { RestoreRow } from './restore.entity.ts';

export interface RollbackJob {
  readonly restore: RestoreRow;
  readonly target: DatabaseAddress;
  readonly maintenance: DatabaseAddress;
}

/** Does nothing where it has been done. @returns the live database of before, under its name of now */
export type Undoing = (context: OperationContext, job: RollbackJob) => Promise<string | null>;

/** The original gets its name back; what was live until now is kept beside it. */
export const swapBack: Undoing = async (context, { restore, target, maintenance }) => {
  const { connect, deps, ref, signal } = context;
  const names = { operationId: ref.id, live: target.database, aside: undoneName(ref.id) };
  const kept = keptName(restore.operationId);
  const original = await withDatabase(maintenance, connect, async (session) => {
    if ((await readSwapState(session, names)) === 'swapped') {
      return null;
    }
    const restored = await listMarked(session, 'restored');
    refuseLaterRestore(restored, target.database, restore.operationId);
    const [found] = await listMarked(session, 'kept', restore.operationId);
    if (found?.name !== kept) {
      throw new AppError('ROLLBACK_FAILED', `The original of "${target.database}" is no longer there.`, {
        remediation: 'Restore the safety backup instead.',
      });
    }
    return found;
  });
  if (original !== null) {
    await refuseBlockers(context, target);
    const { closedMs, sessionsEnded } = await swapDatabases({
      ...names,
      address: maintenance,
      connect,
      incoming: kept,
      asideMarker: 'undone',
      comment: parseComment(original.comment).text,
      timeLimitMs: swapTimeLimitMs,
      reached: (step) => deps.reached(`rollback-${step}`),
      signal,
    });
    context.logger.info({ closedMs, sessionsEnded }, 'the original has its name back');
  }
  return names.aside;
};

/** Only what that restore made, and nobody has made anew. */
export const dropRestored: Undoing = async ({ connect }, { restore, target, maintenance }) => {
  await withDatabase(maintenance, connect, async (session) => {
    const exists = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [target.database]);
    if (exists.length === 0) {
      return;
    }
    const own = await listMarked(session, 'restored', restore.operationId);
    if (!own.some(({ name }) => name === target.database)) {
      throw new AppError(
        'ROLLBACK_FAILED',
        `Nothing says that database "${target.database}" is the one that the restore made.`,
        { remediation: 'Look at its comment and, if it is to go, drop it by hand.' },
      );
    }
    await dropScratchDatabase(session, target.database);
  });
  return null;
};

function refuseLaterRestore(restored: readonly MarkedDatabase[], live: string, operationId: string): void {
  const later = restored.find(({ name }) => name === live);
  if (later !== undefined && later.operationId !== operationId) {
    throw new AppError(
      'ROLLBACK_FAILED',
      `"${live}" has been exchanged since, by operation ${later.operationId}; undoing the older restore would lose that.`,
      { remediation: 'Undo the later operation first.' },
    );
  }
}
