/** Command: let a copy and the backup itself change places, where what is read by default is lost or damaged. */
import { AppError } from '@holdfast/contracts/errors';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../../audit/index.ts';
import type { StorageTargets } from '../../storage/index.ts';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';
import { findUse, findUseOfCopy } from '../find-use.ts';
import { BackupCopyEntity, type BackupCopyRow } from './copy.entity.ts';
import { type CopyName, lockCopy } from './find-copy.ts';

interface PromoteDeps {
  readonly source: DataSource;
  readonly storage: StorageTargets;
}

/**
 * Target, proof and damage go along; no byte is moved. Afterwards the copy's row names where the backup lay.
 * @throws AppError BACKUP_NOT_FOUND, NOT_FOUND, IN_USE, FILE_CORRUPTION
 */
export async function promoteCopy(deps: PromoteDeps, name: CopyName, actor: Actor): Promise<void> {
  await expectFile(deps, name);
  await deps.source.transaction(async (manager) => {
    const backup = await manager.findOne(BackupEntity, {
      where: { id: name.backupId, status: 'completed' },
      lock: { mode: 'pessimistic_write' },
    });
    if (backup?.storageTarget == null) {
      throw new AppError('BACKUP_NOT_FOUND', `There is no completed backup ${name.backupId}.`);
    }
    const copy = await lockCopy(manager, name, 'pessimistic_write');
    expectGood(copy);
    const use = (await findUse(manager, backup.id)) ?? (await findUseOfCopy(manager, copy.id));
    if (use !== null) {
      throw new AppError('IN_USE', use);
    }
    await manager.update(BackupEntity, { id: backup.id }, placeOf(copy));
    await manager.update(
      BackupCopyEntity,
      { id: copy.id },
      { ...placeOf(backup), storageTarget: backup.storageTarget },
    );
    await recordAudit(manager, actor, {
      action: 'copy.promote',
      subjectType: 'backup',
      subjectId: String(backup.id),
      outcome: 'succeeded',
      before: { storageTarget: backup.storageTarget },
      after: { storageTarget: copy.storageTarget, copyId: copy.id },
    });
  });
}

function placeOf({ storageTarget, proofLevel, provedAt, damagedAt, damage }: BackupRow | BackupCopyRow) {
  return { storageTarget, proofLevel, provedAt, damagedAt, damage };
}

function expectGood(copy: BackupCopyRow): void {
  if (copy.status !== 'completed') {
    throw new AppError('IN_USE', `Copy ${copy.id} is ${copy.status}; only a completed one can be promoted.`);
  }
  if (copy.damagedAt !== null) {
    throw new AppError('FILE_CORRUPTION', `Copy ${copy.id} is damaged itself: ${copy.damage}`, {
      remediation: 'Promote another copy; a verification that finds this one whole takes the mark away.',
    });
  }
}

/** Before anything is locked: the storage may take its time. */
async function expectFile({ source, storage }: PromoteDeps, { backupId, copyId }: CopyName): Promise<void> {
  const { manager } = source;
  const copy = await manager.findOneBy(BackupCopyEntity, { id: copyId, backupId, status: 'completed' });
  const backup = await manager.findOneBy(BackupEntity, { id: backupId, status: 'completed' });
  if (copy === null || backup === null) {
    return;
  }
  const file = await storage.open(copy.storageTarget).stat(backup.filePath);
  if (file?.sizeBytes !== backup.fileSize) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${copy.storageTarget} has ${file === null ? 'no file' : `${file.sizeBytes} bytes`} under ${backup.filePath}; ${backup.fileSize} bytes were stored.`,
      { remediation: 'Promote another copy.' },
    );
  }
}
