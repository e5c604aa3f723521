/** Job: remove the stored bytes of a row that is `deleting`, on every target, then mark it `deleted`. May run twice. */
import { recordAudit, systemActor } from '../audit/index.ts';
import type { OperationDeps } from '../operations/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { BackupCopyEntity } from './copies/copy.entity.ts';
import { removeDeletedCopy } from './copies/remove-deleted-copy.ts';
import { filesBeside } from './stored-files.ts';

type RemoveDeps = Pick<OperationDeps, 'source' | 'storage' | 'logger'>;

export async function removeDeletedBackup(deps: RemoveDeps, backupId: number): Promise<void> {
  const row = await deps.source.manager.findOneBy(BackupEntity, { id: backupId, status: 'deleting' });
  if (row === null) {
    return;
  }
  await removeEverywhere(deps, row);
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

/** A target that does not answer holds up no other. @throws the first failure, once all were tried */
async function removeEverywhere(deps: RemoveDeps, row: BackupRow): Promise<void> {
  const copies = await deps.source.manager.findBy(BackupCopyEntity, { backupId: row.id, status: 'deleting' });
  const outcomes = await Promise.allSettled([
    ...copies.map(({ id }) => removeDeletedCopy(deps, id)),
    ...targetsOf(row).map((target) => removeFrom(deps, row, target)),
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
}

/** Of a backup that never completed, copies may have been written that have no rows. */
function targetsOf({ storageTarget, checksumSha256, copies }: BackupRow): string[] {
  return [
    ...(storageTarget === null ? [] : [storageTarget]),
    ...(checksumSha256 === null ? (copies ?? []) : []),
  ];
}

async function removeFrom({ storage }: RemoveDeps, row: BackupRow, target: string): Promise<void> {
  const driver = storage.open(target);
  // The archive first: a manifest without its file tells what is missing, a file without its manifest tells nothing.
  for (const file of filesBeside(row.filePath)) {
    await driver.remove(file);
  }
}
