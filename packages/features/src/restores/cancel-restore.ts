/** Command: cancel a restore; what has been done already is undone by a rollback instead. */
import { AppError } from '@holdfast/contracts/errors';
import type { Actor } from '../audit/index.ts';
import { type RequestDeps, requestCancel } from '../operations/index.ts';
import { findRestore } from './list-restores.ts';

/** @throws AppError NOT_FOUND, IN_USE */
export async function cancelRestore(deps: RequestDeps, operationId: string, actor: Actor): Promise<void> {
  const { status, canRollback } = await findRestore(deps.source.manager, operationId);
  if (status === 'completed') {
    throw new AppError('IN_USE', 'The restore has completed and can no longer be cancelled.', {
      remediation: canRollback
        ? `Undo it with POST /restores/${operationId}/rollback.`
        : 'It cannot be rolled back any more either: restore its safety backup.',
    });
  }
  await requestCancel(deps, { kind: 'restore', id: operationId }, actor);
}
