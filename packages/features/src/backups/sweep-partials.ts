/** Job: remove partial files that no running attempt is writing: what a killed worker left behind. */
import path from 'node:path';
import type { OperationDeps } from '../operations/index.ts';
import type { PartialFile, StorageDriver } from '../storage/index.ts';
import { isBackupPath, pathOfAttempt } from './backup-path.ts';
import { targetsInUse } from './backup-storage.ts';
import { archiveOf, importFolder } from './stored-files.ts';

/** More attempts than max_retries allows. */
const mostAttempts = 110;

type SweepDeps = Pick<OperationDeps, 'source' | 'storage' | 'logger'>;

/** A target that does not answer holds up no other. */
export async function sweepPartials(deps: SweepDeps): Promise<void> {
  for (const target of await targetsInUse(deps.source.manager, deps.storage)) {
    try {
      await sweepTarget(deps, deps.storage.open(target));
    } catch (error) {
      deps.logger.warn({ error, target }, 'looking for partial files failed; the next sweep tries again');
    }
  }
}

async function sweepTarget(deps: SweepDeps, storage: StorageDriver): Promise<void> {
  for (const partial of await storage.listPartials()) {
    if (!partial.path.startsWith(`${importFolder}/`) && (await isLeftOver(deps, storage.target, partial))) {
      await storage.removePartial(partial);
      deps.logger.info(
        { target: storage.target, path: partial.path, attempt: partial.attempt },
        'removed a partial file that nobody writes any more',
      );
    }
  }
}

/** Of a backup of ours, or a copy of it, that is not being written, or by another attempt. What no row names belongs to somebody else. */
async function isLeftOver(
  { source }: SweepDeps,
  storageTarget: string,
  partial: PartialFile,
): Promise<boolean> {
  // The row names the attempt that runs now or ran last; the file may be of one before it.
  const archive = archiveOf(partial.path);
  if (!isBackupPath(archive)) {
    return false;
  }
  const filenames = Array.from({ length: mostAttempts }, (_, index) =>
    path.posix.basename(pathOfAttempt(archive, index + 1)),
  );
  const [row] = (await source.query(
    `SELECT (status = 'running' AND $3 IN (0, attempt))
       OR EXISTS (SELECT FROM backup_copies copy WHERE backup_id = backup.id AND copy.storage_target = $2
                  AND copy.status = 'running' AND $3 IN (0, copy.attempt)) AS "isBeingWritten"
     FROM admin_backups backup
     WHERE filename = ANY ($1) AND (storage_target = $2 OR copy_targets ? $2
       OR EXISTS (SELECT FROM backup_copies copy WHERE backup_id = backup.id AND copy.storage_target = $2))`,
    [filenames, storageTarget, partial.attempt],
  )) as { isBeingWritten: boolean }[];
  return row !== undefined && !row.isBeingWritten;
}
