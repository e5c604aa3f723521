/** Dumps in the format of the backup and stores what comes: as a stream, or by way of a staging folder for a directory. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Loop } from '@holdfast/platform/loop';
import { pgDumpCommand, type PgDumpOptions } from '@holdfast/platform/pgtools/pg-dump';
import { type ArchiveThread, runToEnd, type WrittenArchive } from '../archives/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { createScratchFolder } from '../operations/jobs.ts';
import type { StepShare } from '../progress/index.ts';
import type { PartialFile, StorageDriver } from '../storage/index.ts';
import type { BackupRow } from './backup.entity.ts';
import type { CopyDestinations } from './copies/copy-legs.ts';

export interface WriteDumpOptions {
  readonly row: BackupRow;
  readonly thread: ArchiveThread;
  readonly storage: StorageDriver;
  readonly partial: PartialFile;
  readonly copies: CopyDestinations;
  /** What will be stored, as far as anybody can tell. */
  readonly expectedBytes: number;
  readonly dump: Omit<PgDumpOptions, 'output'>;
  readonly step: StepShare;
  /** Null where nobody can tell. */
  readonly estimatedBytes: number | null;
  /** Called once the dump needs the snapshot of our session no longer. Harmless twice. */
  readonly releaseSnapshot: () => Promise<void>;
}

/** Of the step, the part that the tables take on their way into the staging folder. */
const stagingShare = 0.7;
/** The estimate may be too low. */
const reserve = 1.1;
const measureEveryMs = 500;

export async function writeDump(
  context: OperationContext,
  options: WriteDumpOptions,
): Promise<WrittenArchive> {
  return options.row.backupFormat === 'directory'
    ? await writeDirectory(context, options)
    : await writeStream(context, options, options.row.backupFormat);
}

async function writeStream(
  { progress, signal }: OperationContext,
  options: WriteDumpOptions,
  format: 'custom' | 'plain' | 'tar',
): Promise<WrittenArchive> {
  const { thread, dump, step, estimatedBytes, releaseSnapshot } = options;
  progress.startStep(step, estimatedBytes, true);
  const input = {
    ...archiveInput(options),
    dump: { tool: pgDumpCommand({ ...dump, output: { format } }) },
    format,
  };
  return await thread.run('writeArchive', input, {
    signal,
    onProgress: (moved) => {
      // The dump has its own copy of the snapshot once bytes come: the server may clean up again.
      void releaseSnapshot();
      progress.meter.addMoved(moved);
    },
  });
}

/** What does not depend on the format. */
function archiveInput({ row, storage, partial, copies, expectedBytes }: WriteDumpOptions) {
  return {
    compression: { type: row.compressionType, level: row.compressionLevel },
    recipients: row.encryption?.recipients ?? [],
    storage: storage.location,
    partial,
    ...copies,
    expectedBytes,
  };
}

/** Several jobs can't write one stream: they write a folder, which is then packed as one tar. */
async function writeDirectory(context: OperationContext, options: WriteDumpOptions): Promise<WrittenArchive> {
  const { progress, deps, signal } = context;
  const { row, thread, dump, step, estimatedBytes, releaseSnapshot } = options;
  const between = step.from + (step.to - step.from) * stagingShare;
  const staging = await createScratchFolder(context, {
    name: 'staging',
    neededBytes: Math.ceil((estimatedBytes ?? 0) * reserve),
  });
  const folder = path.join(staging, 'dump');
  progress.startStep({ ...step, to: between }, estimatedBytes, true);
  const command = pgDumpCommand({ ...dump, output: { format: 'directory', folder, jobs: row.jobs } });
  const warnings = await withFolderMeasured(context, folder, () =>
    runToEnd(command, { name: 'pg_dump', signal, fallback: 'TOOL_FAILED' }),
  );
  // Not before: each of its jobs takes the snapshot when it connects.
  await releaseSnapshot();
  await deps.reached('dump-staged');
  progress.startStep({ name: 'Storing the dump', from: between, to: step.to }, await bytesIn(folder));
  const input = { ...archiveInput(options), dump: { folder }, format: 'directory' as const };
  const written = await thread.run('writeArchive', input, {
    signal,
    onProgress: progress.meter.addMoved,
  });
  return { ...written, warnings };
}

/** No byte of it passes through us, so its growth is what shows that it goes on. */
async function withFolderMeasured<Result>(
  { progress, logger }: OperationContext,
  folder: string,
  work: () => Promise<Result>,
): Promise<Result> {
  let seen = 0;
  const measure = async (): Promise<void> => {
    const found = await bytesIn(folder);
    if (found > seen) {
      progress.meter.addBytes(found - seen);
      seen = found;
    }
  };
  const loop = new Loop({ name: 'measure-staging', intervalMs: measureEveryMs, logger, task: measure });
  loop.start();
  try {
    return await work();
  } finally {
    await loop.stop();
  }
}

/** Zero while the folder does not exist. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let sum = 0;
  for (const name of names) {
    sum += (await stat(path.join(folder, name)).catch(() => null))?.size ?? 0;
  }
  return sum;
}
