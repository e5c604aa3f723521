/** Frees storage for a backup that would not fit: removes what has expired, the oldest first, and nothing that is still wanted. */
import { AppError } from '@holdfast/contracts/errors';
import { systemActor } from '../audit/index.ts';
import type { OperationDeps } from '../operations/index.ts';
import { deleteBackup } from './delete-backup.ts';
import { hasGoodSuccessor } from './good-backups.ts';
import { removeDeletedBackup } from './remove-deleted-backup.ts';

export interface RoomNeeded {
  readonly neededBytes: number;
  /** Where it is needed; null for anywhere, since the quota is over all. */
  readonly target: string | null;
}

interface Expired {
  readonly id: number;
  readonly size: number;
}

/** @returns how many bytes are free now that were not: maybe fewer than needed, maybe more */
export async function makeRoom(deps: OperationDeps, { neededBytes, target }: RoomNeeded): Promise<number> {
  let freed = 0;
  for (const { id, size } of await findExpired(deps, target)) {
    if (freed >= neededBytes) {
      break;
    }
    if (await removeNow(deps, id)) {
      freed += size;
    }
  }
  return freed;
}

/** Only what a later good backup holds too, however long ago it expired. */
async function findExpired(
  { source }: Pick<OperationDeps, 'source'>,
  target: string | null,
): Promise<Expired[]> {
  return (await source.query(
    `SELECT id, file_size::float8 AS size FROM admin_backups expired
     WHERE status = 'completed' AND expires_at < clock_timestamp() AND NOT is_protected
       AND ($1::text IS NULL OR storage_target = $1
            OR EXISTS (SELECT FROM backup_copies copy WHERE copy.backup_id = expired.id AND copy.storage_target = $1 AND copy.status = 'completed'))
       AND ${hasGoodSuccessor('expired')}
     ORDER BY completed_at, id`,
    [target],
  )) as Expired[];
}

/** By the ordinary two phases, the second one here and now instead of by a job. False where something holds the backup, or its storage. */
async function removeNow(deps: OperationDeps, id: number): Promise<boolean> {
  try {
    await deleteBackup(deps, id, systemActor, 'cleanup');
    await removeDeletedBackup(deps, id);
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    deps.logger.info({ backupId: id, code: error.code }, 'an expired backup can not go now');
    return false;
  }
}
