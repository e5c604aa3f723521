/** Cancels an operation: at once while it waits, else by a mark on its row that the worker obeys. */
import { AppError } from '@holdfast/contracts/errors';
import type { OperationRef } from '@holdfast/contracts/operations';
import type { JobQueues } from '@holdfast/platform/queue/queues';
import type { DataSource, EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { moveFrom } from './operation-store.ts';
import { operationTables } from './operation-table.ts';
import { type EventDeps, publishCancel, publishOperationEvent } from './publish-event.ts';

export interface RequestDeps extends EventDeps {
  readonly source: DataSource;
  readonly queues: JobQueues;
  /** Called as a named step is reached; tests stop or kill the process there. */
  readonly reached: (step: string) => Promise<void>;
}

/**
 * Cancelling twice is harmless.
 * @throws AppError IN_USE when it has ended already, NOT_FOUND when it does not exist.
 */
export async function requestCancel(deps: RequestDeps, ref: OperationRef, actor: Actor): Promise<void> {
  const outcome = await deps.source.transaction(async (manager) => {
    const state = await lockRow(manager, ref);
    if (state.status === 'cancelled' || state.isCancelRequested) {
      return 'unchanged';
    }
    if (state.isPastReturn && !isFinal(state.status)) {
      throw new AppError('IN_USE', 'The databases are being exchanged; it can no longer be cancelled.', {
        remediation:
          ref.kind === 'restore'
            ? `Wait for its end, then undo it with POST /restores/${ref.id}/rollback.`
            : 'Wait for its end.',
      });
    }
    if (state.status === 'pending') {
      const error = new AppError('CANCELLED', `Cancelled by ${actor.name} before it started.`);
      await moveFrom(manager, operationTables[ref.kind], {
        id: ref.id,
        attempt: state.attempt,
        from: 'pending',
        settlement: { status: 'cancelled', error },
      });
    } else if (operationTables[ref.kind].runningStatuses.includes(state.status)) {
      const { table, key } = operationTables[ref.kind];
      await manager.query(`UPDATE ${table} SET cancel_requested_at = clock_timestamp() WHERE ${key} = $1`, [
        ref.id,
      ]);
    } else {
      throw new AppError('IN_USE', `It is ${state.status} already and can no longer be cancelled.`, {
        remediation: 'Nothing is left to cancel.',
      });
    }
    await recordAudit(manager, actor, {
      action: `${ref.kind}.cancel`,
      subjectType: ref.kind,
      subjectId: ref.id,
      outcome: 'succeeded',
      before: { status: state.status },
    });
    return state.status === 'pending' ? 'cancelled' : 'asked';
  });
  if (outcome === 'asked') {
    await publishCancel(deps, ref);
  } else if (outcome === 'cancelled') {
    await publishOperationEvent(deps, { ...ref, event: 'ended', status: 'cancelled' });
  }
}

function isFinal(status: string): boolean {
  return status === 'completed' || status === 'failed';
}

interface RowState {
  status: string;
  attempt: number;
  isCancelRequested: boolean;
  isPastReturn: boolean;
}

async function lockRow(manager: EntityManager, ref: OperationRef): Promise<RowState> {
  const { table, key, isPastReturn } = operationTables[ref.kind];
  const [row] = (await manager.query(
    `SELECT status, attempt, cancel_requested_at IS NOT NULL AS "isCancelRequested", ${isPastReturn} AS "isPastReturn"
     FROM ${table} WHERE ${key} = $1 FOR UPDATE`,
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
