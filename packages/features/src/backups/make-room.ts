/** Frees storage for a backup that would not fit: removes what retention lets go, the oldest first, and no more than is needed. */
import { AppError } from '@holdfast/contracts/errors';
import { systemActor } from '../audit/index.ts';
import type { OperationDeps } from '../operations/index.ts';
import { readSettings } from '../settings/index.ts';
import { deleteBackup } from './delete-backup.ts';
import { removeDeletedBackup } from './remove-deleted-backup.ts';
import { planCleanup } from './retention/plan-cleanup.ts';

export interface RoomNeeded {
  readonly neededBytes: number;
  /** Where it is needed; null for anywhere, since the quota is over all. */
  readonly target: string | null;
}

/** @returns how many bytes are free now that were not: maybe fewer than needed, maybe more; none where auto_cleanup_enabled is off */
export async function makeRoom(deps: OperationDeps, { neededBytes, target }: RoomNeeded): Promise<number> {
  const { manager } = deps.source;
  if (!(await readSettings(manager)).autoCleanupEnabled) {
    return 0;
  }
  let freed = 0;
  for (const { backupId, fileSize } of await planCleanup(manager, target)) {
    if (freed >= neededBytes) {
      break;
    }
    if (await removeNow(deps, backupId)) {
      freed += fileSize;
    }
  }
  return freed;
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
    deps.logger.info({ backupId: id, code: error.code }, 'a backup that retention lets go can not go now');
    return false;
  }
}
