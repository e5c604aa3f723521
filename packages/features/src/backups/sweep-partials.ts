/** Job: remove partial files that no running attempt is writing: what a killed worker left behind. */
import path from 'node:path';
import { In } from 'typeorm';
import type { OperationDeps } from '../operations/index.ts';
import type { PartialFile, StorageDriver } from '../storage/index.ts';
import { BackupEntity } from './backup.entity.ts';
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

/** Of a backup of ours that does not run, or runs another attempt. What no row names belongs to somebody else. */
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
  const row = await source.manager.findOne(BackupEntity, {
    where: { filename: In(filenames), storageTarget },
    select: { id: true, status: true, attempt: true },
  });
  const isCurrent = partial.attempt === 0 || partial.attempt === row?.attempt;
  return row !== null && !(row.status === 'running' && isCurrent);
}
