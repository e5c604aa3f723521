/** Job: run one attempt of a copy, from the stored backup: nothing is dumped again. */
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import { type ArchiveThread, startArchiveThread } from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { Completion } from '../../operations/jobs.ts';
import type { PartialFile, StorageDriver } from '../../storage/index.ts';
import { storageOf } from '../backup-storage.ts';
import { checkSpace } from '../check-space.ts';
import { type CompletedBackup, findCompletedBackup } from '../find-completed-backup.ts';
import { recordDamage } from '../record-damage.ts';
import { filesBeside, manifestPath } from '../stored-files.ts';
import { checkStoredManifest } from '../verifications/check-stored-manifest.ts';
import { copyAndCompare } from './copy-and-compare.ts';
import { BackupCopyEntity } from './copy.entity.ts';

const steps = {
  prepare: { name: 'Looking at the stored backup', from: 0, to: 1 },
  copy: { name: 'Copying the stored backup', from: 1, to: 98 },
  publish: { name: 'Publishing', from: 98, to: 99 },
} as const;

/** Somebody may free space, or give the right back: what is owed waits for that. */
const awaited: readonly ErrorCode[] = ['INSUFFICIENT_SPACE', 'PERMISSION_DENIED'];

interface Parts {
  readonly backup: CompletedBackup;
  readonly from: StorageDriver;
  readonly to: StorageDriver;
  readonly thread: ArchiveThread;
}

export async function runCopy(context: OperationContext): Promise<Completion> {
  try {
    return await copy(context);
  } catch (error) {
    if (error instanceof AppError && awaited.includes(error.code)) {
      const { code, message, remediation } = error;
      throw new AppError(code, message, { cause: error, remediation, transient: true });
    }
    throw error;
  }
}

async function copy(context: OperationContext): Promise<Completion> {
  const { deps, ref, progress, onEnd } = context;
  progress.startStep(steps.prepare);
  const row = await deps.source.manager.findOneByOrFail(BackupCopyEntity, { id: ref.id });
  const backup = await findCompletedBackup(deps.source.manager, row.backupId);
  const thread = startArchiveThread();
  onEnd(() => thread.close());
  const parts = {
    backup,
    from: storageOf(deps.storage, backup),
    to: deps.storage.open(row.storageTarget),
    thread,
  };
  await removeEarlierPartials(context, parts);
  await checkSpace(context, {
    owner: { kind: 'copy', id: ref.id },
    storage: parts.to,
    neededBytes: backup.fileSize,
    reservedBytes: 0,
  });
  await checkSource(context, backup, () =>
    checkStoredManifest({ storage: parts.from, secrets: deps.secrets }, backup),
  );
  // Once for reading, once for reading back.
  progress.startStep(steps.copy, 2 * backup.fileSize);
  const files: [PartialFile, string][] = [];
  for (const file of filesOf(backup)) {
    files.push(await copyFile(context, parts, file));
  }
  await deps.reached('copy-written');
  await publish(context, parts, files);
  await deps.reached('copy-published');
  return async () => ({
    file_size: backup.fileSize,
    checksum_sha256: backup.checksumSha256,
    proof_level: 'stored',
    proved_at: deps.clock.now(),
    damaged_at: null,
    damage: null,
  });
}

interface FileOfBackup {
  readonly path: string;
  readonly sizeBytes: number;
  /** Null where its signature was looked at instead. */
  readonly sha256: string | null;
}

/** The archive last: a file under its final name always has a manifest. */
function filesOf({ filePath, fileSize, manifest }: CompletedBackup): FileOfBackup[] {
  return [
    { path: manifestPath(filePath), sizeBytes: 0, sha256: null },
    ...(manifest.globals == null ? [] : [manifest.globals]),
    { path: filePath, sizeBytes: fileSize, sha256: manifest.file.sha256 },
  ];
}

async function copyFile(
  context: OperationContext,
  { backup, from, to, thread }: Parts,
  { path, sizeBytes, sha256 }: FileOfBackup,
): Promise<[PartialFile, string]> {
  const partial = { path, attempt: context.attempt };
  context.onEnd(() => to.removePartial(partial));
  const copied = await copyAndCompare(context, thread, {
    from: { storage: from.location, path, attempt: null },
    to,
    partial,
    expectedBytes: sizeBytes,
  });
  await checkSource(context, backup, async () => {
    if (sha256 !== null && (copied.sha256 !== sha256 || copied.sizeBytes !== sizeBytes)) {
      throw new AppError(
        'FILE_CORRUPTION',
        `${path} has ${copied.sizeBytes} bytes and SHA-256 ${copied.sha256} on ${from.target}; ${sizeBytes} bytes and ${sha256} were stored.`,
      );
    }
  });
  return [partial, copied.sha256];
}

/** What shows that the backup itself is damaged is kept on its row. */
async function checkSource(
  { deps }: OperationContext,
  backup: CompletedBackup,
  check: () => Promise<void>,
): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof AppError && error.code === 'FILE_CORRUPTION') {
      await recordDamage(deps.source.manager, backup.id, { at: deps.clock.now(), what: error.message });
    }
    throw error;
  }
}

/** Attempts of one copy share the final names: whichever of them publishes, the bytes are the same. So nothing is taken away again. */
async function publish(
  { progress, signal }: OperationContext,
  { to, thread }: Parts,
  files: readonly [PartialFile, string][],
): Promise<void> {
  progress.startStep(steps.publish);
  for (const [partial, sha256] of files) {
    await to.preparePublish(partial, { signal, onBytes: (bytes) => progress.meter.addBytes(bytes) });
    try {
      await to.publishPartial(partial);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'IN_USE') {
        throw error;
      }
      const source = { storage: to.location, path: partial.path, attempt: null };
      const found = await thread.run('hashStored', source, { signal, onProgress: progress.meter.addMoved });
      if (found.sha256 !== sha256) {
        throw new AppError('IN_USE', `${partial.path} lies on ${to.target} already and is another file.`, {
          cause: error,
          remediation: 'Move that file away, or delete the copy and make it again; then ask for it anew.',
        });
      }
    }
  }
}

/** Of attempts whose worker died: their space may be what is missing. */
async function removeEarlierPartials({ attempt }: OperationContext, { backup, to }: Parts): Promise<void> {
  const own = new Set(filesBeside(backup.filePath));
  for (const partial of await to.listPartials()) {
    if (own.has(partial.path) && partial.attempt < attempt) {
      await to.removePartial(partial);
    }
  }
}
