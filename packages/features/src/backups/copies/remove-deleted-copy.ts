/** Job: remove the stored bytes of a copy that is `deleting`, then mark it `deleted`. May run twice. */
import { recordAudit, systemActor } from '../../audit/index.ts';
import type { OperationDeps } from '../../operations/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { filesBeside } from '../stored-files.ts';
import { BackupCopyEntity } from './copy.entity.ts';

export async function removeDeletedCopy(
  deps: Pick<OperationDeps, 'source' | 'storage' | 'logger'>,
  copyId: string,
): Promise<void> {
  const { manager } = deps.source;
  const copy = await manager.findOneBy(BackupCopyEntity, { id: copyId, status: 'deleting' });
  if (copy === null) {
    return;
  }
  const backup = await manager.findOneByOrFail(BackupEntity, { id: copy.backupId });
  const storage = deps.storage.open(copy.storageTarget);
  for (const file of filesBeside(backup.filePath)) {
    await storage.remove(file);
  }
  await deps.source.transaction(async (inside) => {
    const { affected } = await inside.update(
      BackupCopyEntity,
      { id: copyId, status: 'deleting' },
      { status: 'deleted', deletedAt: () => 'clock_timestamp()' },
    );
    if (affected === 1) {
      await recordAudit(inside, systemActor, {
        action: 'copy.deleted',
        subjectType: 'copy',
        subjectId: copyId,
        outcome: 'succeeded',
      });
    }
  });
  deps.logger.info({ copyId, target: copy.storageTarget }, 'copy deleted');
}
