/** Command: accept a drill of a completed backup, or of a copy of it. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../audit/index.ts';
import { BackupEntity, holdCompletedCopy, refuseUntrusted, type StoredPlace } from '../backups/index.ts';
import { acceptOperation, type AcceptedRow, type RequestDeps } from '../operations/index.ts';
import { DrillEntity } from './drill.entity.ts';

/** @throws AppError BACKUP_NOT_FOUND, NOT_FOUND, IN_USE, APPROVAL_REQUIRED */
export async function requestDrill(
  deps: RequestDeps,
  { backupId, copyId }: StoredPlace,
  actor: Actor,
): Promise<string> {
  const insert = async (manager: EntityManager): Promise<AcceptedRow> => {
    // The lock keeps a deletion from slipping in between.
    const backup = await manager.findOne(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_read' },
    });
    if (backup === null || backup.status === 'deleted') {
      throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
    }
    if (backup.status !== 'completed') {
      throw new AppError(
        'IN_USE',
        `Backup ${backupId} is ${backup.status}; only a completed one can be drilled.`,
        {
          remediation: 'Wait until it has completed, or choose another backup.',
        },
      );
    }
    refuseUntrusted(backup);
    if (copyId !== null) {
      await holdCompletedCopy(manager, { backupId, copyId });
    }
    const inserted = await manager.insert(DrillEntity, { backupId, copyId, createdBy: actor.userId });
    const { operationId } = inserted.identifiers[0] as { operationId: string };
    return { id: operationId, details: { backupId, ...(copyId === null ? {} : { copyId }) } };
  };
  return await acceptOperation(deps, 'drill', { actor, insert });
}
