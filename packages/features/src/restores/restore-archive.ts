/** Feeds a stored backup to pg_restore: checksum first, then decompress and restore, errors fatal. */
import { writeFile } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import { readSha256 } from '@holdfast/platform/bytes/checksums';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { startPgRestore } from '@holdfast/platform/pgtools/pg-restore';
import type { RunningTool } from '@holdfast/platform/process/run-tool';
import type { BackupRow } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import type { StepShare } from '../progress/index.ts';

export interface RestoreArchiveOptions {
  readonly backup: BackupRow;
  readonly manifest: Manifest;
  readonly client: ClientPrograms;
  /** An empty database. */
  readonly scratch: DatabaseAddress;
  readonly withOwners: boolean;
  readonly checkStep: StepShare;
  readonly restoreStep: StepShare;
  /** A private file with the entries to restore; null for all of them. */
  readonly listFile: string | null;
}

/** @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says */
export async function restoreArchive(
  context: OperationContext,
  options: RestoreArchiveOptions,
): Promise<void> {
  await checkStoredFile(context, options);
  const { deps, progress, signal, connect } = context;
  const { backup, manifest } = options;
  progress.startStep(options.restoreStep, manifest.file.uncompressedBytes);
  const restorer = await startPgRestore({
    client: options.client,
    address: options.scratch,
    connect,
    withOwners: options.withOwners,
    ...(options.listFile === null ? {} : { listFile: options.listFile }),
  });
  const decompressor = await startDecompressor(backup.compressionType);
  const tools = decompressor === null ? [restorer] : [restorer, decompressor];
  const endTools = (): void => {
    for (const tool of tools) {
      void tool.end();
    }
  };
  signal.addEventListener('abort', endTools, { once: true });
  try {
    const source = await deps.storage.open(backup.filePath);
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        progress.meter.addBytes(chunk.length);
        done(null, chunk);
      },
    });
    const flows =
      decompressor === null
        ? [pipeline(source, count, restorer.stdin)]
        : [pipeline(source, decompressor.stdin), pipeline(decompressor.stdout, count, restorer.stdin)];
    await finish(flows, restorer, decompressor);
  } finally {
    signal.removeEventListener('abort', endTools);
    await Promise.all(tools.map((tool) => tool.end()));
    signal.throwIfAborted();
  }
}

/** The bytes that the manifest speaks of, or nothing is restored. */
async function checkStoredFile(
  { deps, progress, signal }: OperationContext,
  { backup, manifest, checkStep }: RestoreArchiveOptions,
): Promise<void> {
  progress.startStep(checkStep, manifest.file.sizeBytes);
  const found = await readSha256(await deps.storage.open(backup.filePath), signal, (bytes) =>
    progress.meter.addBytes(bytes),
  );
  if (found.sha256 !== backup.checksumSha256 || found.sizeBytes !== backup.fileSize) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${backup.filename} has ${found.sizeBytes} bytes and SHA-256 ${found.sha256}; ${backup.fileSize} bytes and ${backup.checksumSha256} were stored.`,
    );
  }
}

/** pg_restore's own word counts first: where it failed, what fed it broke because of that, and may never settle. */
async function finish(
  flows: Promise<void>[],
  restorer: RunningTool,
  decompressor: RunningTool | null,
): Promise<void> {
  const settled = Promise.allSettled(flows);
  const restored = await restorer.exited;
  if (restored.exitCode !== 0) {
    throw classifyToolFailure(
      'pg_restore',
      restored.exitCode === null
        ? `was ended by ${restored.signal}`
        : `exited with status ${restored.exitCode}`,
      restored.stderr,
      'RESTORE_FAILED',
    );
  }
  const decompressed = await decompressor?.exited;
  if (decompressed !== undefined && decompressed.exitCode !== 0) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The stored file could not be decompressed to its end: ${decompressed.stderr}`,
    );
  }
  const broken = (await settled).find((result) => result.status === 'rejected');
  if (broken !== undefined) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The stored file could not be read to its end: ${String(broken.reason)}`,
    );
  }
}

/** Owners and grants are restored where every role is there and this role may act for them all. */
export async function canRestoreOwners(session: DatabaseSession, roles: readonly string[]): Promise<boolean> {
  const { missing, is_superuser } = await session.queryOne<{ missing: number; is_superuser: boolean }>(
    `SELECT (SELECT count(*)::int FROM unnest($1::text[]) AS role(name) WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role.name)) AS missing,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser`,
    [roles],
  );
  return is_superuser && missing === 0;
}

/** Private, since names of tables are in it. */
export async function writeListFile(file: string, lines: readonly string[]): Promise<void> {
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
}
