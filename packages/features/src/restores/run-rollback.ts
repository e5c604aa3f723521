/** Job: run one attempt of a rollback: a restore undone by what it left for that. */
import type { RollbackResult } from '@holdfast/contracts/rollbacks';
import { type DatabaseSession, withDatabase } from '@holdfast/platform/pgtools/database-session';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { maintenanceAddress, reopenClosed } from '@holdfast/platform/pgtools/swap-databases';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { RestoreEntity } from './restore.entity.ts';
import { RollbackEntity } from './rollback.entity.ts';
import { dropRestored, swapBack, type Undoing } from './undo-restore.ts';

const step = { name: 'Undoing the restore', from: 0, to: 99 } as const;

const undoings: Readonly<Record<RollbackResult['method'], Undoing>> = {
  swap_back: swapBack,
  drop_database: dropRestored,
};

export async function runRollback(context: OperationContext): Promise<Completion> {
  const { deps, ref, connect, progress } = context;
  progress.startStep(step);
  const { method, restoreOperationId } = await deps.source.manager.findOneByOrFail(RollbackEntity, {
    operationId: ref.id,
  });
  const restore = await deps.source.manager.findOneByOrFail(RestoreEntity, {
    operationId: restoreOperationId,
  });
  const registered = databaseAddress(
    await findDatabase(deps.source.manager, restore.databaseId),
    deps.secrets,
  );
  const target = { ...registered, database: restore.targetDatabase };
  const maintenance = await maintenanceAddress(target, connect, [target.database]);
  await withDatabase(maintenance, connect, (session) => removeLeftovers(context, session));
  await deps.reached('rollback-starting');
  const startedMs = deps.clock.monotonicMs();
  // With the row locked for this attempt: nobody else undoes it at the same time.
  return async (manager) => {
    const replacedDatabase = await undoings[method](context, { restore, target, maintenance });
    await manager.query(
      `UPDATE restore_operations SET rolled_back_at = clock_timestamp(), can_rollback = false, kept_database = NULL
       WHERE operation_id = $1`,
      [restoreOperationId],
    );
    const durationMs = Math.round(deps.clock.monotonicMs() - startedMs);
    return { result: { method, durationMs, replacedDatabase } satisfies RollbackResult };
  };
}

async function removeLeftovers(
  { deps, ref, connect }: OperationContext,
  server: DatabaseSession,
): Promise<void> {
  await terminateBackends(server, applicationNamePrefix(deps.installation, ref), connect.applicationName);
  await reopenClosed(server, ref.id);
}
