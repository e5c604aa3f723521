/** Command: accept a verification of a completed backup, or of a copy of it. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../../audit/index.ts';
import { acceptOperation, type AcceptedRow, type RequestDeps } from '../../operations/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { holdCompletedCopy } from '../copies/find-copy.ts';
import type { StoredPlace } from '../record-proof.ts';
import { VerificationEntity } from './verification.entity.ts';

/** @throws AppError BACKUP_NOT_FOUND, NOT_FOUND, IN_USE */
export async function requestVerification(
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
        `Backup ${backupId} is ${backup.status}; only a completed one can be verified.`,
        { remediation: 'Wait until it has completed, or choose another backup.' },
      );
    }
    if (copyId !== null) {
      await holdCompletedCopy(manager, { backupId, copyId });
    }
    const inserted = await manager.insert(VerificationEntity, { backupId, copyId, createdBy: actor.userId });
    const { operationId } = inserted.identifiers[0] as { operationId: string };
    return { id: operationId, details: { backupId, ...(copyId === null ? {} : { copyId }) } };
  };
  return await acceptOperation(deps, 'verify', { actor, insert });
}
