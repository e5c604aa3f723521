/** Command: accept a further copy of a completed backup, or another try of one that failed. It is made from the stored file. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../../audit/index.ts';
import { acceptOperation, type AcceptedRow, type RequestDeps } from '../../operations/index.ts';
import type { StorageTargets } from '../../storage/index.ts';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';
import { checkRequestedTarget } from '../backup-storage.ts';
import { BackupCopyEntity } from './copy.entity.ts';

export type RequestCopyDeps = RequestDeps & { readonly storage: StorageTargets };

export interface RequestCopy {
  readonly backupId: number;
  readonly storageTarget: string;
  readonly actor: Actor;
}

interface Accepted {
  readonly id: string;
  /** Of the attempt before the next one. */
  readonly attempt: number;
}

/** @throws AppError BACKUP_NOT_FOUND, IN_USE, INVALID_CONFIG */
export async function requestCopy(deps: RequestCopyDeps, request: RequestCopy): Promise<string> {
  const insert = async (manager: EntityManager): Promise<AcceptedRow> => {
    const backup = await lockCompleted(manager, request.backupId);
    const target = await checkRequestedTarget(manager, deps.storage, request.storageTarget);
    if (target === backup.storageTarget) {
      throw new AppError('INVALID_CONFIG', `Backup ${backup.id} itself lies on ${target}.`, {
        remediation: 'Choose another target: a copy on the same one would be lost with it.',
      });
    }
    const accepted =
      (await retryEnded(manager, backup, target)) ?? (await insertNew(manager, backup, { target, request }));
    return { ...accepted, details: { backupId: backup.id, storageTarget: target } };
  };
  return await acceptOperation(deps, 'copy', { actor: request.actor, insert });
}

/** The lock keeps a deletion, and another request for the same target, from slipping in between. */
async function lockCompleted(manager: EntityManager, backupId: number): Promise<BackupRow> {
  const backup = await manager.findOne(BackupEntity, {
    where: { id: backupId },
    lock: { mode: 'pessimistic_write' },
  });
  if (backup === null || backup.status === 'deleted') {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${backupId}.`);
  }
  if (backup.status !== 'completed') {
    throw new AppError(
      'IN_USE',
      `Backup ${backupId} is ${backup.status}; only a completed one can be copied.`,
      {
        remediation: 'Wait until it has completed, or choose another backup.',
      },
    );
  }
  return backup;
}

/** Null where the target has none. @throws AppError IN_USE where it has one that is good, or under way */
async function retryEnded(
  manager: EntityManager,
  { id }: BackupRow,
  target: string,
): Promise<Accepted | null> {
  const [existing] = (await manager.query(
    `SELECT id, attempt, status FROM backup_copies WHERE backup_id = $1 AND storage_target = $2 AND status <> 'deleted' FOR UPDATE`,
    [id, target],
  )) as (Accepted & { status: string })[];
  if (existing === undefined) {
    return null;
  }
  if (existing.status !== 'failed' && existing.status !== 'cancelled') {
    throw new AppError(
      'IN_USE',
      `Backup ${id} has a copy on ${target} already, which is ${existing.status}.`,
      {
        remediation:
          'Nothing is to be done; a copy that is damaged has to be deleted before it is made again.',
      },
    );
  }
  await manager.query(
    `UPDATE backup_copies SET status = 'pending', retry_count = 0, not_before = NULL, cancel_requested_at = NULL, completed_at = NULL,
       duration = NULL, worker_id = NULL, heartbeat_at = NULL WHERE id = $1`,
    [existing.id],
  );
  return existing;
}

/** Attempts go on from those that wrote there before: none of them ever shares its partial file with another. */
async function insertNew(
  manager: EntityManager,
  backup: BackupRow,
  { target, request }: { target: string; request: RequestCopy },
): Promise<Accepted> {
  const [{ last }] = (await manager.query(
    'SELECT GREATEST($3::int, max(attempt)) AS last FROM backup_copies WHERE backup_id = $1 AND storage_target = $2',
    [backup.id, target, backup.attempt],
  )) as [{ last: number }];
  const inserted = await manager.insert(BackupCopyEntity, {
    backupId: backup.id,
    storageTarget: target,
    fileSize: backup.fileSize,
    attempt: last,
    createdBy: request.actor.userId,
  });
  return { id: inserted.identifiers[0]?.['id'] as string, attempt: last };
}
