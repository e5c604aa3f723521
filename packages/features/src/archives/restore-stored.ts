/** Task: storage → decompress → pg_restore or psql, errors fatal. */
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type ReplayRules, ReplayScript } from '@holdfast/platform/archive/replay-script';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export interface RestoreStoredInput {
  /** pg_restore or psql, which reads the uncompressed archive from standard input. */
  readonly restore: ToolCommand;
  /** What of a script is replayed; null for an archive. */
  readonly script: ReplayRules | null;
  readonly source: StoredSource;
  readonly compression: CompressionType;
}

/**
 * Progress counts the uncompressed archive.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says
 */
export async function restoreStored(
  { restore, script, source, compression }: RestoreStoredInput,
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
    const feed = (from: Readable): Promise<void> =>
      script === null
        ? pipeline(from, count, restorer.stdin)
        : pipeline(from, count, replay(script), restorer.stdin);
    const flows =
      decompressor === null
        ? [feed(stored)]
        : [pipeline(stored, decompressor.stdin), feed(decompressor.stdout)];
    await finish(flows, { tool: path.basename(restore.program), restorer, decompressor });
    moved.flush();
  } finally {
    signal.removeEventListener('abort', endTools);
    await Promise.all(tools.map((tool) => tool.end()));
  }
}

/** What psql is given of a script. One that holds what it must not, or is cut, breaks the flow: psql is never told to commit. */
function replay(rules: ReplayRules): Transform {
  let push = (_bytes: Uint8Array): void => undefined;
  const script = new ReplayScript(rules, (bytes) => push(bytes));
  const attempt = (work: () => void, done: (error?: Error) => void): void => {
    try {
      work();
      done();
    } catch (error) {
      done(error as Error);
    }
  };
  const transform = new Transform({
    transform: (chunk: Buffer, _encoding, done) => attempt(() => script.write(chunk), done),
    flush: (done) => attempt(() => script.end(), done),
  });
  push = (bytes) => void transform.push(bytes);
  script.start();
  return transform;
}

interface Ends {
  readonly tool: string;
  readonly restorer: RunningTool;
  readonly decompressor: RunningTool | null;
}

/**
 * The restoring tool's own word counts first: where it failed, what fed it broke because of that, and may never settle.
 * Only a refusal of ours comes before it: that is why the tool found its input cut.
 */
async function finish(flows: Promise<void>[], { tool, restorer, decompressor }: Ends): Promise<void> {
  const refusals: AppError[] = [];
  const settled = Promise.allSettled(
    flows.map((flow) =>
      flow.catch((error: unknown) => {
        refusals.push(...(error instanceof AppError ? [error] : []));
        throw error;
      }),
    ),
  );
  const restored = await restorer.exited;
  const [refusal] = refusals;
  if (refusal !== undefined) {
    throw refusal;
  }
  if (restored.exitCode !== 0) {
    throw classifyToolFailure(
      tool,
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
