/** Task: storage → decompress → (pg_restore, which makes a script of an archive) → what psql may be given → a pipe that somebody else ends. */
import { createWriteStream } from 'node:fs';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ReplayRules, ReplayScript } from '@holdfast/platform/archive/replay-script';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { untilClosed } from './write-unless-closed.ts';
import { type DecodedArchive, openDecoded, type StoredArchive } from './open-decoded.ts';

export interface ReplayStoredInput {
  readonly archive: StoredArchive;
  /** pg_restore that reads the archive and writes a script; null where the archive is one. */
  readonly toScript: ToolCommand | null;
  readonly rules: ReplayRules;
  /** Stays open: what follows the script is not this task's to write. */
  readonly writeFd: number;
}

/**
 * Progress counts the uncompressed archive.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED; any other error where the reader of the pipe went away
 */
export async function replayStored(
  { archive, toScript, rules, writeFd }: ReplayStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<void> {
  const moved = reportBytes(report);
  let decoded: DecodedArchive | null = null;
  let maker: RunningTool | null = null;
  try {
    maker = toScript === null ? null : await runTool(toScript);
    decoded = await openDecoded(archive);
    signal.throwIfAborted();
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        moved.add(chunk.length);
        done(null, chunk);
      },
    });
    const output = createWriteStream('', { fd: writeFd, autoClose: false });
    const passed = new PassThrough();
    const script = maker?.stdout ?? passed;
    const flows = [
      pipeline(decoded.stream, count, maker === null ? passed : untilClosed(maker.stdin), { signal }),
      pipeline(script, replayTransform(rules), output, { signal }),
    ];
    const [fed, written] = await Promise.allSettled(flows);
    signal.throwIfAborted();
    if (written?.status === 'rejected') {
      throw written.reason;
    }
    await expectScript(maker);
    if (fed?.status === 'rejected') {
      throw fed.reason;
    }
    await decoded.finish();
    moved.flush();
  } finally {
    await Promise.all([decoded?.close(), maker?.end()]);
  }
}

async function expectScript(maker: RunningTool | null): Promise<void> {
  const exit = await maker?.exited;
  if (exit !== undefined && exit.exitCode !== 0) {
    throw classifyToolFailure(
      'pg_restore',
      `exited with status ${exit.exitCode}`,
      exit.stderr,
      'RESTORE_FAILED',
    );
  }
}

/** What psql is given of a script. One that holds what it must not, or is cut, breaks the flow: psql is never told to commit. */
export function replayTransform(rules: ReplayRules): Transform {
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
