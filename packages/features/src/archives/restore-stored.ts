/** Task: storage → decompress → pg_restore, errors fatal. */
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { type DecodedArchive, openDecoded, type StoredArchive } from './open-decoded.ts';

export interface RestoreStoredInput {
  /** pg_restore that reads the uncompressed archive from standard input. */
  readonly restore: ToolCommand;
  readonly archive: StoredArchive;
}

/**
 * Progress counts the uncompressed archive.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says
 */
export async function restoreStored(
  { restore, archive }: RestoreStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<void> {
  const moved = reportBytes(report);
  const restorer = await runTool(restore);
  const endRestorer = (): void => void restorer.end();
  signal.addEventListener('abort', endRestorer, { once: true });
  let decoded: DecodedArchive | null = null;
  try {
    decoded = await openDecoded(archive);
    signal.throwIfAborted();
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        moved.add(chunk.length);
        done(null, chunk);
      },
    });
    await finish(pipeline(decoded.stream, count, restorer.stdin), restorer, decoded);
    moved.flush();
  } finally {
    signal.removeEventListener('abort', endRestorer);
    await Promise.all([decoded?.close(), restorer.end()]);
  }
}

/** Who failed first is the cause: what fed pg_restore breaks when it fails, and pg_restore fails when its food ends early. */
async function finish(flow: Promise<void>, restorer: RunningTool, decoded: DecodedArchive): Promise<void> {
  const settled = flow.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const restored = await Promise.race([restorer.exited, decoded.failure]);
  if (restored instanceof AppError) {
    throw restored;
  }
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
  await decoded.finish();
  const broken = await settled;
  if (broken !== null) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The stored file could not be read to its end: ${String(broken.error)}`,
    );
  }
}
