/** Task: read a stored archive to its end, whatever is wrong with it, and tell what was found and where it first goes wrong. */
import { Socket } from 'node:net';
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { createInspector } from '@holdfast/platform/archive/create-inspector';
import type { Inspector } from '@holdfast/platform/archive/inspector';
import { ChecksumMeter, type Checksums } from '@holdfast/platform/bytes/checksums';
import {
  type RunningTool,
  runTool,
  type ToolCommand,
  type ToolExit,
} from '@holdfast/platform/process/run-tool';
import { startFilters } from '@holdfast/platform/process/start-filters';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { decoderCommands, type StoredArchive } from './open-decoded.ts';
import { openStored } from './stored-source.ts';
import { writeUnlessClosed } from './write-unless-closed.ts';

export interface VerifyStoredInput {
  readonly archive: StoredArchive;
  /** pg_restore that reads the uncompressed archive from standard input to its end; null for formats that no tool reads from there. */
  readonly read: ToolCommand | null;
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
  const stored = await openStored(input.archive);
  const tools: RunningTool[] = [];
  const endTools = (): void => {
    for (const tool of tools) {
      void tool.end();
    }
  };
  signal.addEventListener('abort', endTools, { once: true });
  let decoding: Decoding | null = null;
  try {
    const reader = input.read === null ? null : await runTool(input.read);
    tools.push(...(reader === null ? [] : [reader]));
    decoding = await startDecoding(input.archive);
    tools.push(...(decoding?.steps.map(({ tool }) => tool) ?? []));
    signal.throwIfAborted();
    const archive = new ArchiveReading(await createInspector(input.archive.format), reader);
    const meter = new ChecksumMeter();
    const moved = reportBytes(report);
    const encoded = decoding?.input ?? null;
    const reading = readStored(stored, async (chunk) => {
      signal.throwIfAborted();
      meter.update(chunk);
      moved.add(chunk.length, archive.currentTable);
      await (encoded === null ? archive.read(chunk) : writeUnlessClosed(encoded, chunk));
    }).finally(() => encoded?.end());
    await Promise.all([reading, decoding === null ? null : readStored(decoding.output, archive.read)]);
    moved.flush();
    signal.throwIfAborted();
    return { stored: meter.finish(), ...(await archive.finish(decoding?.steps ?? [])) };
  } finally {
    signal.removeEventListener('abort', endTools);
    stored.destroy();
    decoding?.input.destroy();
    decoding?.output.destroy();
    await Promise.all(tools.map((tool) => tool.end()));
  }
}

interface Decoding {
  readonly input: Socket;
  readonly output: Socket;
  /** Each with what the file could not be where it failed. */
  readonly steps: readonly { readonly tool: RunningTool; readonly doing: string }[];
}

/** Null where the archive is stored as it is. */
async function startDecoding(archive: StoredArchive): Promise<Decoding | null> {
  const commands = await decoderCommands(archive);
  if (commands.length === 0) {
    return null;
  }
  const { tools, inputFd, outputFd } = await startFilters(commands.map(({ command }) => command));
  const input = new Socket({ fd: inputFd, readable: false, writable: true });
  // A program that gave up closes its end: its exit status tells, and the rest of the file is still hashed.
  input.on('error', () => undefined);
  return {
    input,
    output: new Socket({ fd: outputFd, readable: true, writable: false }),
    steps: tools.map((tool, index) => ({ tool, doing: commands[index]?.doing ?? '' })),
  };
}

async function readStored(
  stream: AsyncIterable<Buffer>,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  for await (const chunk of stream) {
    await take(chunk);
  }
}

/** What a program does to itself over input that its authors did not think of, as pg_restore does over some damaged archives. */
const crashes: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV'];

/** @throws AppError TOOL_FAILED where somebody ended the program (short of memory, perhaps): that says nothing about the file */
function hasFailed(tool: string, exit: ToolExit): boolean {
  if (exit.exitCode === null && !crashes.includes(exit.signal)) {
    throw new AppError('TOOL_FAILED', `${tool} was ended by ${exit.signal}.`, { transient: true });
  }
  return exit.exitCode !== 0;
}

/** Magic, version, sizes, format and compression of an archive, in the longest of its versions. */
const kindEndsAt = 15;

/** The uncompressed archive on its way through the inspector and through pg_restore, which judge it apart. */
class ArchiveReading {
  readonly #inspector: Inspector;
  readonly #reader: RunningTool | null;
  #damage: string | null = null;

  constructor(inspector: Inspector, reader: RunningTool | null) {
    this.#inspector = inspector;
    this.#reader = reader;
  }

  get currentTable(): string | null {
    return this.#inspector.currentTable;
  }

  /** Bound, to be handed on. */
  readonly read = async (chunk: Buffer): Promise<void> => {
    this.#inspect(() => this.#inspector.write(chunk));
    if (this.#reader !== null) {
      await writeUnlessClosed(this.#reader.stdin, chunk);
    }
  };

  async finish(steps: Decoding['steps']): Promise<Omit<FoundArchive, 'stored'>> {
    this.#reader?.stdin.end();
    const broken = await firstBroken(steps);
    const read = await this.#reader?.exited;
    const contents = this.#inspect(() => this.#inspector.end());
    if (broken !== null) {
      const cause = `It could not be ${broken.doing} behind ${this.#inspector.bytesRead} bytes of the archive (${broken.said}).`;
      this.#damage = this.#damage === null ? cause : `${cause} ${this.#damage}`;
    } else if (this.#damage === null && read !== undefined && hasFailed('pg_restore', read)) {
      // The inspector has followed every block of data to its end, so what is left is what stands before them.
      this.#damage = `pg_restore could not read it to its end, by what stands before offset ${this.#inspector.headBytes}, in the header or the table of contents: ${read.stderr.trim() || `it crashed (${read.signal})`}`;
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
      // A kind of archive that is not read: what made this one so stands at its very beginning.
      const place =
        error.code === 'INVALID_CONFIG' ? ` The header says so, before offset ${kindEndsAt}.` : '';
      this.#damage ??= `${error.message}${place}`;
      return null;
    }
  }
}

async function firstBroken(steps: Decoding['steps']): Promise<{ doing: string; said: string } | null> {
  for (const { tool, doing } of steps) {
    const exit = await tool.exited;
    if (hasFailed(exit.program, exit)) {
      return { doing, said: exit.stderr.trim() || `it crashed (${exit.signal})` };
    }
  }
  return null;
}
