/** Command: accept the undoing of a completed restore. */
import { AppError } from '@holdfast/contracts/errors';
import type { Role } from '@holdfast/contracts/permissions';
import type { RollbackMethod } from '@holdfast/contracts/rollbacks';
import type { RestoreStrategy } from '@holdfast/contracts/restores';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../audit/index.ts';
import { acceptOperation, type AcceptedRow, type RequestDeps } from '../operations/index.ts';
import { lockTarget } from './lock-target.ts';
import { RestoreEntity, type RestoreRow } from './restore.entity.ts';
import { RollbackEntity } from './rollback.entity.ts';
import { findActiveRestore } from './validation/find-active-restore.ts';

export interface RequestRollback {
  readonly operationId: string;
  readonly reason: string;
  readonly actor: Actor;
  readonly userId: string;
  readonly role: Role;
}

const methods: Readonly<Record<Exclude<RestoreStrategy, 'in_place'>, RollbackMethod>> = {
  swap: 'swap_back',
  new_database: 'drop_database',
};

/** @throws AppError IN_USE where nothing was put aside */
export function rollbackMethod(restore: RestoreRow): RollbackMethod {
  const { strategy, preRestoreBackupId: safetyBackup } = restore;
  if (strategy === 'in_place') {
    throw new AppError('IN_USE', 'A restore in place keeps no original beside it that could come back.', {
      remediation:
        safetyBackup === null ? 'Restore an earlier backup.' : `Restore its safety backup ${safetyBackup}.`,
    });
  }
  return methods[strategy];
}

/** @returns the rollback's own operation id @throws AppError NOT_FOUND, FORBIDDEN, IN_USE */
export async function requestRollback(deps: RequestDeps, request: RequestRollback): Promise<string> {
  const { operationId, reason, actor, userId } = request;
  const insert = async (manager: EntityManager): Promise<AcceptedRow> => {
    const restore = await lockUndoable(manager, request);
    await lockTarget(manager, restore.targetKey);
    const [active] = await findActiveRestore(manager, restore.targetKey, null);
    if (active !== undefined) {
      throw new AppError('IN_USE', active.detail, { remediation: active.remediation });
    }
    const inserted = await manager.insert(RollbackEntity, {
      restoreOperationId: operationId,
      targetKey: restore.targetKey,
      method: rollbackMethod(restore),
      reason,
      createdBy: userId,
    });
    const { operationId: id } = inserted.identifiers[0] as { operationId: string };
    return { id, details: { restoreOperationId: operationId, method: rollbackMethod(restore), reason } };
  };
  return await acceptOperation(deps, 'rollback', { actor, insert });
}

async function lockUndoable(
  manager: EntityManager,
  { operationId, userId, role }: RequestRollback,
): Promise<RestoreRow> {
  const restore = await manager.findOne(RestoreEntity, {
    where: { operationId },
    lock: { mode: 'pessimistic_write' },
  });
  if (restore === null) {
    throw new AppError('NOT_FOUND', `There is no restore ${operationId}.`);
  }
  if (restore.initiatedBy !== userId && role !== 'admin' && role !== 'super-admin') {
    throw new AppError('FORBIDDEN', 'A restore is rolled back by who started it, or by an admin.');
  }
  await expectUndoable(manager, restore);
  return restore;
}

/** @throws AppError IN_USE that says why it can't be undone */
export async function expectUndoable(manager: EntityManager, restore: RestoreRow): Promise<void> {
  const refuse = (why: string, remediation: string): never => {
    throw new AppError('IN_USE', `Restore ${restore.operationId} cannot be rolled back: ${why}.`, {
      remediation,
    });
  };
  if (restore.rolledBackAt !== null) {
    refuse('it was rolled back already', 'Nothing is left to undo.');
  }
  if (restore.status !== 'completed') {
    refuse(`it is ${restore.status}`, 'Until a restore has completed, cancel it: nothing has changed yet.');
  }
  rollbackMethod(restore);
  if (!restore.canRollback) {
    refuse('nothing was kept that it could be undone with', 'Restore an earlier backup.');
  }
  const [{ isLate }] = (await manager.query('SELECT $1::timestamptz <= clock_timestamp() AS "isLate"', [
    restore.rollbackExpiresAt,
  ])) as [{ isLate: boolean | null }];
  if (isLate === true) {
    refuse(
      `its window ended at ${restore.rollbackExpiresAt?.toISOString()}`,
      restore.preRestoreBackupId === null
        ? 'Restore an earlier backup.'
        : `Restore its safety backup ${restore.preRestoreBackupId}.`,
    );
  }
}
