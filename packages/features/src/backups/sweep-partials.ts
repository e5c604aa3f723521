/** Job: remove partial files that no running attempt is writing: what a killed worker left behind. */
import type { OperationDeps } from '../operations/index.ts';
import type { PartialFile } from '../storage/index.ts';
import { BackupEntity } from './backup.entity.ts';
import { archiveOf } from './stored-files.ts';

export async function sweepPartials(
  deps: Pick<OperationDeps, 'source' | 'storage' | 'logger'>,
): Promise<void> {
  for (const partial of await deps.storage.listPartials()) {
    if (!(await isBeingWritten(deps, partial))) {
      await deps.storage.removePartial(partial);
      deps.logger.info(
        { path: partial.path, attempt: partial.attempt },
        'removed a partial file that nobody writes any more',
      );
    }
  }
}

async function isBeingWritten(
  { source }: Pick<OperationDeps, 'source'>,
  { path, attempt }: PartialFile,
): Promise<boolean> {
  return await source.manager.existsBy(BackupEntity, {
    filePath: archiveOf(path),
    attempt,
    status: 'running',
  });
}
