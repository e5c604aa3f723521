/** Job: remove the stored bytes of a row that is `deleting`, then mark it `deleted`. May run twice. */
import { recordAudit, systemActor } from '../audit/index.ts';
import type { OperationDeps } from '../operations/index.ts';
import { BackupEntity } from './backup.entity.ts';
import { storageOf } from './backup-storage.ts';
import { filesBeside } from './stored-files.ts';

export async function removeDeletedBackup(
  deps: Pick<OperationDeps, 'source' | 'storage' | 'logger'>,
  backupId: number,
): Promise<void> {
  const row = await deps.source.manager.findOneBy(BackupEntity, { id: backupId, status: 'deleting' });
  if (row === null) {
    return;
  }
  if (row.storageTarget !== null) {
    const storage = storageOf(deps.storage, row);
    // The archive first: a manifest without its file tells what is missing, a file without its manifest tells nothing.
    for (const file of filesBeside(row.filePath)) {
      await storage.remove(file);
    }
  }
  await deps.source.transaction(async (manager) => {
    const { affected } = await manager.update(
      BackupEntity,
      { id: backupId, status: 'deleting' },
      { status: 'deleted', deletedAt: () => 'clock_timestamp()' },
    );
    if (affected === 0) {
      return;
    }
    await recordAudit(manager, systemActor, {
      action: 'backup.deleted',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
    });
  });
  deps.logger.info({ backupId }, 'backup deleted');
}
