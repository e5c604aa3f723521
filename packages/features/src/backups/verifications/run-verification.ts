/** Job: run one attempt of a verification and record on the backup what it proved, or what it found broken. */
import { AppError } from '@holdfast/contracts/errors';
import { isPatched } from '@holdfast/platform/pgtools/client-flaws';
import { chooseClient } from '@holdfast/platform/pgtools/client-programs';
import { pgRestoreReadCommand } from '@holdfast/platform/pgtools/pg-restore';
import { type EntityManager, IsNull, Not } from 'typeorm';
import { startArchiveThread } from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { Completion } from '../../operations/jobs.ts';
import { BackupEntity } from '../backup.entity.ts';
import { type CompletedBackup, findCompletedBackup } from '../find-completed-backup.ts';
import { recordDamage } from '../record-damage.ts';
import { storedArchive } from '../stored-archive.ts';
import { VerificationEntity } from './verification.entity.ts';
import { verifyBackup } from './verify-backup.ts';

const steps = {
  prepare: { name: 'Checking the manifest', from: 0, to: 1 },
  read: { name: 'Reading the stored file', from: 1, to: 99 },
} as const;

export async function runVerification(context: OperationContext): Promise<Completion> {
  const { deps, progress, ref } = context;
  progress.startStep(steps.prepare);
  const { backupId } = await deps.source.manager.findOneByOrFail(VerificationEntity, { operationId: ref.id });
  const backup = await findCompletedBackup(deps.source.manager, backupId);
  try {
    const result = await verify(context, backup);
    return async (manager) => {
      await recordProof(manager, backup, deps.clock.now());
      return { result };
    };
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'FILE_CORRUPTION' || error.code === 'BACKUP_NOT_FOUND')
    ) {
      await recordDamage(deps.source.manager, backup.id, { at: deps.clock.now(), what: error.message });
    }
    throw error;
  }
}

async function verify(context: OperationContext, backup: CompletedBackup): ReturnType<typeof verifyBackup> {
  const { deps, progress, signal, onEnd } = context;
  const client = chooseClient(await deps.findClients(), backup.manifest.database.serverVersion);
  const { backupFormat: format } = backup;
  // A crafted archive is not shown to a program that it could take over.
  const isSafe = backup.isTrusted || isPatched(client.version);
  const read =
    isSafe && (format === 'custom' || format === 'tar') ? pgRestoreReadCommand(client, format) : null;
  const thread = startArchiveThread();
  onEnd(() => thread.close());
  return await verifyBackup(
    {
      ...deps,
      read: async () => {
        progress.startStep(steps.read, backup.fileSize);
        await deps.reached('verification-reading');
        return await thread.run(
          'verifyStored',
          { archive: storedArchive(deps, backup), read },
          { signal, onProgress: progress.meter.addMoved },
        );
      },
    },
    backup,
  );
}

/** A drill proved more, and when it did is worth knowing: it stays. */
async function recordProof(manager: EntityManager, { id }: CompletedBackup, at: Date): Promise<void> {
  const completed = { id, status: 'completed' } as const;
  await manager.update(
    BackupEntity,
    { ...completed, proofLevel: Not('restored') },
    { proofLevel: 'listed', provedAt: at },
  );
  await manager.update(
    BackupEntity,
    { ...completed, damagedAt: Not(IsNull()) },
    { damagedAt: null, damage: null },
  );
}
