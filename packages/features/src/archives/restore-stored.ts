/** Task: storage → decompress → pg_restore, errors fatal. */
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export interface RestoreStoredInput {
  /** pg_restore that reads the uncompressed archive from standard input. */
  readonly restore: ToolCommand;
  readonly source: StoredSource;
  readonly compression: CompressionType;
}

/**
 * Progress counts the uncompressed archive.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says
 */
export async function restoreStored(
  { restore, source, compression }: RestoreStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<void> {
  const moved = reportBytes(report);
  const tools: RunningTool[] = [];
  const endTools = (): void => {
    for (const tool of tools) {
      void tool.end();
    }
  };
  signal.addEventListener('abort', endTools, { once: true });
  try {
    const stored = await openStored(source);
    const restorer = await runTool(restore);
    tools.push(restorer);
    const decompressor = await startDecompressor(compression);
    tools.push(...(decompressor === null ? [] : [decompressor]));
    signal.throwIfAborted();
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        moved.add(chunk.length);
        done(null, chunk);
      },
    });
    const flows =
      decompressor === null
        ? [pipeline(stored, count, restorer.stdin)]
        : [pipeline(stored, decompressor.stdin), pipeline(decompressor.stdout, count, restorer.stdin)];
    await finish(flows, restorer, decompressor);
    moved.flush();
  } finally {
    signal.removeEventListener('abort', endTools);
    await Promise.all(tools.map((tool) => tool.end()));
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
