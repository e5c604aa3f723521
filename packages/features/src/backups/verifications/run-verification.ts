/** Job: run one attempt of a verification and record on the backup what it proved, or what it found broken. */
import { AppError } from '@holdfast/contracts/errors';
import { isPatched } from '@holdfast/platform/pgtools/client-flaws';
import { chooseClient } from '@holdfast/platform/pgtools/client-programs';
import { pgRestoreReadCommand } from '@holdfast/platform/pgtools/pg-restore';
import { startArchiveThread } from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { Completion } from '../../operations/jobs.ts';
import { findStoredBackup } from '../copies/find-copy.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';
import { recordDamage } from '../record-damage.ts';
import { recordProof } from '../record-proof.ts';
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
  const { backupId, copyId } = await deps.source.manager.findOneByOrFail(VerificationEntity, {
    operationId: ref.id,
  });
  const backup = await findStoredBackup(deps.source.manager, backupId, copyId);
  try {
    const result = await verify(context, backup);
    return async (manager) => {
      const proof = { level: 'listed', at: deps.clock.now(), isWhole: true } as const;
      await recordProof(manager, { backupId, copyId }, proof);
      return { result };
    };
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'FILE_CORRUPTION' || error.code === 'BACKUP_NOT_FOUND')
    ) {
      await recordDamage(deps.source.manager, backup.id, {
        at: deps.clock.now(),
        what: error.message,
        copyId,
      });
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
          { archive: await storedArchive(deps, backup), read },
          { signal, onProgress: progress.meter.addMoved },
        );
      },
    },
    backup,
  );
}
