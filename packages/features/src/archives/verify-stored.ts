/** Task: read a stored archive to its end, whatever is wrong with it, and tell what was found and where it first goes wrong. */
import type { Writable } from 'node:stream';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type ArchiveContents, ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';
import { ChecksumMeter, type Checksums } from '@holdfast/platform/bytes/checksums';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import {
  type RunningTool,
  runTool,
  type ToolCommand,
  type ToolExit,
} from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export interface VerifyStoredInput {
  readonly source: StoredSource;
  readonly compression: CompressionType;
  /** pg_restore that reads the uncompressed archive from standard input to its end. */
  readonly read: ToolCommand;
}

export interface FoundArchive {
  /** Of every stored byte, also behind a damage. */
  readonly stored: Checksums;
  /** Null where the archive can't be read to its end. */
  readonly contents: ArchiveContents | null;
  /** What broke first, with the offset in the archive or the table; null where it reads well. */
  readonly damage: string | null;
  /** How many bytes of the archive header and table of contents take, as far as was read. */
  readonly headBytes: number;
}

/**
 * Progress counts the stored bytes.
 * @throws AppError BACKUP_NOT_FOUND where there is no file, TOOL_FAILED where a program was ended; a damaged one is a result, not an error
 */
export async function verifyStored(
  input: VerifyStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<FoundArchive> {
  const stored = await openStored(input.source);
  const tools: RunningTool[] = [];
  const endTools = (): void => {
    for (const tool of tools) {
      void tool.end();
    }
  };
  signal.addEventListener('abort', endTools, { once: true });
  try {
    const reader = await runTool(input.read);
    tools.push(reader);
    const decompressor = await startDecompressor(input.compression);
    tools.push(...(decompressor === null ? [] : [decompressor]));
    signal.throwIfAborted();
    const archive = new ArchiveReading(await ArchiveInspector.create(), reader);
    const meter = new ChecksumMeter();
    const moved = reportBytes(report);
    const reading = readStored(stored, async (chunk) => {
      signal.throwIfAborted();
      meter.update(chunk);
      moved.add(chunk.length, archive.currentTable);
      await (decompressor === null ? archive.read(chunk) : writeUnlessClosed(decompressor.stdin, chunk));
    }).finally(() => decompressor?.stdin.end());
    await Promise.all([
      reading,
      decompressor === null ? null : readStored(decompressor.stdout, archive.read),
    ]);
    moved.flush();
    signal.throwIfAborted();
    return { stored: meter.finish(), ...(await archive.finish(decompressor)) };
  } finally {
    signal.removeEventListener('abort', endTools);
    stored.destroy();
    await Promise.all(tools.map((tool) => tool.end()));
  }
}

async function readStored(
  stream: AsyncIterable<Buffer>,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  for await (const chunk of stream) {
    await take(chunk);
  }
}

/** Somebody ended the program (short of memory, perhaps): that says nothing about the file. */
function failIfEnded(tool: string, exit: ToolExit | undefined): void {
  if (exit?.exitCode === null) {
    throw new AppError('TOOL_FAILED', `${tool} was ended by ${exit.signal}.`, { transient: true });
  }
}

/** A program that gave up reads no more; the rest of the file is still hashed. */
async function writeUnlessClosed(stdin: Writable, chunk: Buffer): Promise<void> {
  if (stdin.destroyed || !stdin.writable || stdin.write(chunk)) {
    return;
  }
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdin.off('drain', done).off('close', done);
      resolve();
    };
    stdin.on('drain', done).on('close', done);
  });
}

/** The uncompressed archive on its way through the inspector and through pg_restore, which judge it apart. */
class ArchiveReading {
  readonly #inspector: ArchiveInspector;
  readonly #reader: RunningTool;
  #damage: string | null = null;

  constructor(inspector: ArchiveInspector, reader: RunningTool) {
    this.#inspector = inspector;
    this.#reader = reader;
  }

  get currentTable(): string | null {
    return this.#inspector.currentTable;
  }

  /** Bound, to be handed on. */
  readonly read = async (chunk: Buffer): Promise<void> => {
    this.#inspect(() => this.#inspector.write(chunk));
    await writeUnlessClosed(this.#reader.stdin, chunk);
  };

  async finish(decompressor: RunningTool | null): Promise<Omit<FoundArchive, 'stored'>> {
    this.#reader.stdin.end();
    const decompressed = await decompressor?.exited;
    const read = await this.#reader.exited;
    failIfEnded('The decompressor', decompressed);
    failIfEnded('pg_restore', read);
    const contents = this.#inspect(() => this.#inspector.end());
    if (decompressed !== undefined && decompressed.exitCode !== 0) {
      const cause = `Decompression broke behind ${this.#inspector.bytesRead} bytes of the archive (${decompressed.stderr.trim()}).`;
      this.#damage = this.#damage === null ? cause : `${cause} ${this.#damage}`;
    } else if (this.#damage === null && read.exitCode !== 0) {
      this.#damage = `pg_restore could not read it to its end: ${read.stderr.trim()}`;
    }
    return {
      contents: this.#damage === null ? contents : null,
      damage: this.#damage,
      headBytes: this.#inspector.headBytes,
    };
  }

  /** The first thing wrong is the cause; what the inspector says after it is the same again. */
  #inspect<Result>(work: () => Result): Result | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      this.#damage ??= error.message;
      return null;
    }
  }
}
