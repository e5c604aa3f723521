/** Task: storage → decompress → pg_restore or psql, errors fatal. */
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { ReplayRules } from '@holdfast/platform/archive/replay-script';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { type DecodedArchive, openDecoded, type StoredArchive } from './open-decoded.ts';
import { replayTransform } from './replay-stored.ts';
import { untilClosed } from './write-unless-closed.ts';

export interface RestoreStoredInput {
  /** pg_restore or psql, which reads the uncompressed archive from standard input. */
  readonly restore: ToolCommand;
  /** What of a script is replayed; null for an archive. */
  readonly script: ReplayRules | null;
  readonly archive: StoredArchive;
}

/**
 * Progress counts the uncompressed archive.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says
 */
export async function restoreStored(
  { restore, script, archive }: RestoreStoredInput,
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
    const flow =
      script === null
        ? pipeline(decoded.stream, count, untilClosed(restorer.stdin))
        : pipeline(decoded.stream, count, replayTransform(script), restorer.stdin);
    await finish(flow, restorer, decoded);
    moved.flush();
  } finally {
    signal.removeEventListener('abort', endRestorer);
    await Promise.all([decoded?.close(), restorer.end()]);
  }
}

/**
 * Who failed first is the cause: what feeds the restoring tool breaks when that fails, and it fails when its food ends early.
 * A refusal of ours comes before both: that is why the tool found its input cut.
 */
async function finish(flow: Promise<void>, restorer: RunningTool, decoded: DecodedArchive): Promise<void> {
  let refusal: AppError | null = null;
  const settled = flow.then(
    () => null,
    (error: unknown) => {
      refusal = error instanceof AppError ? error : null;
      return { error };
    },
  );
  const restored = await Promise.race([restorer.exited, decoded.failure]);
  if (refusal !== null) {
    throw refusal as AppError;
  }
  if (restored instanceof AppError) {
    throw restored;
  }
  if (restored.exitCode !== 0) {
    const cause = await decoded.causeOfEnd();
    if (cause !== null) {
      throw cause;
    }
    throw classifyToolFailure(
      restored.program,
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
