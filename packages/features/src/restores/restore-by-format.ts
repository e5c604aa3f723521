/** How each format comes back: an archive through pg_restore, a directory from a scratch folder by several jobs, a script through psql. */
import { pgRestoreCommand } from '@holdfast/platform/pgtools/pg-restore';
import { psqlReplayCommand, restrictKey } from '@holdfast/platform/pgtools/psql';
import { runToEnd, type StoredArchive } from '../archives/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { createScratchFolder } from '../operations/jobs.ts';
import type { RestoreArchiveOptions } from './restore-archive.ts';

/** Of the restore step, the part that unpacking a directory takes. */
const unpackShare = 0.25;

/** @throws AppError FILE_CORRUPTION, INSUFFICIENT_SPACE, RESTORE_FAILED and what the server says */
export async function restoreByFormat(
  context: OperationContext,
  options: RestoreArchiveOptions,
  archive: StoredArchive,
): Promise<void> {
  switch (options.backup.backupFormat) {
    case 'custom':
    case 'tar':
      return await restoreStream(context, options, { archive, format: options.backup.backupFormat });
    case 'plain':
      return await replayScript(context, options, archive);
    case 'directory':
      return await restoreDirectory(context, options, archive);
  }
}

function restoreOptions({ connect }: OperationContext, options: RestoreArchiveOptions) {
  const { client, scratch: address, withOwners, listFile } = options;
  return { client, address, connect, withOwners, ...(listFile === null ? {} : { listFile }) };
}

async function restoreStream(
  context: OperationContext,
  options: RestoreArchiveOptions,
  { archive, format }: { readonly archive: StoredArchive; readonly format: 'custom' | 'tar' },
): Promise<void> {
  const { progress, signal } = context;
  progress.startStep(options.restoreStep, options.manifest.file.uncompressedBytes);
  const restore = pgRestoreCommand({ ...restoreOptions(context, options), input: { format } });
  await options.thread.run(
    'restoreStored',
    { restore, script: null, archive },
    { signal, onProgress: progress.meter.addMoved },
  );
}

/** A script is code: by now its checksum has matched, and what pg_dump never writes is refused before psql sees it. */
async function replayScript(
  { progress, signal, connect }: OperationContext,
  options: RestoreArchiveOptions,
  archive: StoredArchive,
): Promise<void> {
  const { client, scratch, withOwners, skippedEntries } = options;
  progress.startStep(options.restoreStep, options.manifest.file.uncompressedBytes);
  await options.thread.run(
    'restoreStored',
    {
      restore: psqlReplayCommand({ client, address: scratch, connect }),
      script: { withOwners, skippedEntries, restrictKey: restrictKey(client) },
      archive,
    },
    { signal, onProgress: progress.meter.addMoved },
  );
}

/** While pg_restore works no byte passes through us; the watch on the server tells that it goes on. */
async function restoreDirectory(
  context: OperationContext,
  options: RestoreArchiveOptions,
  archive: StoredArchive,
): Promise<void> {
  const { progress, signal } = context;
  const { backup, manifest, restoreStep } = options;
  const { uncompressedBytes } = manifest.file;
  const between = restoreStep.from + (restoreStep.to - restoreStep.from) * unpackShare;
  const folder = await createScratchFolder(context, { name: 'unpacked', neededBytes: uncompressedBytes });
  progress.startStep({ name: 'Unpacking the dump', from: restoreStep.from, to: between }, uncompressedBytes);
  await options.thread.run(
    'extractStored',
    { archive, folder, what: 'all' },
    { signal, onProgress: progress.meter.addMoved },
  );
  progress.startStep({ ...restoreStep, from: between }, null);
  const input = { format: 'directory', folder, jobs: backup.jobs } as const;
  await runToEnd(pgRestoreCommand({ ...restoreOptions(context, options), input }), {
    name: 'pg_restore',
    signal,
    fallback: 'RESTORE_FAILED',
  });
}
