/** Task: pg_dump → inspect → compress → checksum → storage and its copies; one pass, constant memory. */
import { closeSync, read } from 'node:fs';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { BackupFormat } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { ChecksumMeter, type Checksums } from '@holdfast/platform/bytes/checksums';
import { type Compression, compressorCommand } from '@holdfast/platform/bytes/compressor';
import { encryptorCommand } from '@holdfast/platform/bytes/encryptor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { RunningTool, ToolExit } from '@holdfast/platform/process/run-tool';
import { startFilters } from '@holdfast/platform/process/start-filters';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { openStorage, type PartialFile, type StorageLocation } from '../storage/index.ts';
import type { BytesMoved } from './bytes-moved.ts';
import { CopyLeg } from './copy-leg.ts';
import { type DumpSource, type OpenDump, openDump } from './dump-source.ts';
import { contentsOf, type InspectorThread, startInspectorThread } from './inspect-stream.ts';
import { SharedBuffers } from './shared-buffers.ts';
import { Tee } from './tee.ts';
import { warningsOf } from './tool-warnings.ts';

export interface WriteArchiveInput {
  /** Uncompressed. */
  readonly dump: DumpSource;
  readonly format: BackupFormat;
  readonly compression: Compression;
  /** age recipients; empty: not encrypted. */
  readonly recipients: readonly string[];
  readonly storage: StorageLocation;
  readonly partial: PartialFile;
  /** Where the same bytes go too. */
  readonly copies: readonly CopyDestination[];
  /** Copies without which the archive counts as failed. */
  readonly requiredCopies: number;
  /** A guess at what will be stored. */
  readonly expectedBytes: number;
}

export interface CopyDestination {
  readonly storage: StorageLocation;
  readonly partial: PartialFile;
}

/** An AppError as plain data. */
export type CopyFailure = Pick<AppError, 'code' | 'message' | 'remediation' | 'transient'>;

export interface WrittenArchive {
  readonly contents: ArchiveContents;
  readonly stored: Checksums;
  /** In the order of the input; null for those that have every byte. */
  readonly copies: readonly (CopyFailure | null)[];
  /** What pg_dump said although it succeeded. */
  readonly warnings: readonly string[];
  /** Of the file that was imported. */
  readonly origin?: Checksums;
}

const readInto = promisify(read);

/**
 * Good only when the tools exited 0, every byte went through and is flushed, and the archive is whole: all awaited together.
 * Progress counts the raw stream, after it was inspected.
 * @throws AppError by what the tools said, else by what broke in the pipeline
 */
export async function writeArchive(
  input: WriteArchiveInput,
  context: TaskContext<BytesMoved>,
): Promise<WrittenArchive> {
  const { signal } = context;
  const inspector = startInspectorThread();
  const destination = await openStorage(input.storage).createPartial(input.partial, input.expectedBytes);
  const copies = await Promise.all(input.copies.map((copy) => openCopy(copy, input.expectedBytes)));
  let ends: Connections | null = null;
  const end = (): void => {
    // A storage that does not answer must not hold up a cancel.
    destination.destroy();
    void ends?.end();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    ends = await connect(input);
    signal.throwIfAborted();
    const tee = new Tee({ primary: destination, copies, requiredCopies: input.requiredCopies, signal });
    const written = await pump({ ...ends, format: input.format, destination, tee }, inspector, context);
    return { ...written, copies: copies.map(({ failure }) => failure && describe(failure)) };
  } finally {
    signal.removeEventListener('abort', end);
    destination.destroy();
    for (const copy of copies) {
      copy.close();
    }
    await ends?.end();
    await inspector.close();
  }
}

/** A copy that can't even be opened is a copy that is out. */
async function openCopy({ storage, partial }: CopyDestination, expectedBytes: number): Promise<CopyLeg> {
  const driver = openStorage(storage);
  try {
    return new CopyLeg(driver.target, await driver.createPartial(partial, expectedBytes));
  } catch (error) {
    if (error instanceof AppError) {
      return new CopyLeg(driver.target, error);
    }
    throw error;
  }
}

function describe({ code, message, remediation, transient }: AppError): CopyFailure {
  return { code, message, remediation, transient };
}

interface Connections {
  readonly dump: OpenDump;
  /** pg_dump first, the others in the order of the bytes. */
  readonly tools: readonly RunningTool[];
  /** Where the inspector passes on what it has read. */
  readonly filtersFd: number;
  /** What is to be stored. */
  readonly outputFd: number;
  /** Ends every program; harmless twice. */
  end(): Promise<void>;
}

/** Starts the programs, pg_dump last, so that it never waits for the others. */
async function connect(input: WriteArchiveInput): Promise<Connections> {
  const commands = [await compressorCommand(input.compression), await encryptorCommand(input.recipients)];
  const filters = await startFilters(commands.filter((command) => command !== null));
  const endFilters = async (): Promise<void> => {
    await Promise.all(filters.tools.map((tool) => tool.end()));
  };
  try {
    const dump = await openDump(input.dump);
    return {
      dump,
      tools: [...(dump.tool === null ? [] : [dump.tool]), ...filters.tools],
      filtersFd: filters.inputFd,
      outputFd: filters.outputFd,
      end: async () => {
        await Promise.all([dump.end(), endFilters()]);
      },
    };
  } catch (error) {
    closeSync(filters.inputFd);
    closeSync(filters.outputFd);
    await endFilters();
    throw error;
  }
}

interface Ends extends Connections {
  readonly format: BackupFormat;
  readonly destination: Writable;
  readonly tee: Tee;
}

async function pump(
  { dump, format, filtersFd, outputFd, tools, destination, tee }: Ends,
  inspector: InspectorThread,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<Omit<WrittenArchive, 'copies'>> {
  const meter = new ChecksumMeter();
  // Not aborted itself: it ends with the pipe, and the tools are ended.
  const inspecting = inspector.run(
    'inspectStream',
    { format, readFd: dump.fd, writeFd: filtersFd },
    { onProgress: report },
  );
  // The failed write itself tells; an event that nobody hears would end the thread.
  destination.on('error', () => undefined);
  const storing = store(outputFd, meter, tee);
  const exits = await settleAll([inspecting, storing, dump.written], tools, signal);
  for (const exit of exits) {
    failOnExit(exit);
  }
  return {
    contents: contentsOf(await inspecting),
    stored: meter.finish(),
    warnings: dump.tool === null ? [] : warningsOf(await dump.tool.exited),
    ...(dump.origin === undefined ? {} : { origin: await dump.origin }),
  };
}

/** Waits for flows and exits together. When a flow breaks, the tools are ended first, and a tool's own words win over "broken pipe". */
async function settleAll(
  flows: readonly Promise<unknown>[],
  tools: readonly RunningTool[],
  signal: AbortSignal,
): Promise<ToolExit[]> {
  const flow = Promise.all(flows).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const broken = await flow;
  if (broken !== null) {
    const exits = await Promise.all(tools.map((tool) => graceThenEnd(tool)));
    signal.throwIfAborted();
    throw causeOf(broken.error, exits);
  }
  return await Promise.all(tools.map((tool) => tool.exited));
}

/** A tool that fails closes its output a moment before it exits: its status is worth waiting for. */
async function graceThenEnd(tool: RunningTool): Promise<ToolExit> {
  const graceMs = 500;
  const timer = setTimeout(() => void tool.end(), graceMs);
  try {
    return await tool.exited;
  } finally {
    clearTimeout(timer);
  }
}

/** Storage and archive errors are causes; a broken pipe is only a symptom of what a tool then says. */
function causeOf(error: unknown, exits: readonly ToolExit[]): unknown {
  if (error instanceof AppError) {
    return error;
  }
  const failed = exits.find(({ exitCode }) => exitCode !== null && exitCode > 0);
  return failed === undefined
    ? new AppError('TOOL_FAILED', `The pipeline broke: ${(error as Error).message}`, { cause: error })
    : failureOf(failed);
}

function failOnExit(exit: ToolExit): void {
  if (exit.exitCode !== 0) {
    throw failureOf(exit);
  }
}

function failureOf({ program, exitCode, signal, stderr }: ToolExit): AppError {
  const outcome = exitCode === null ? `was ended by ${signal}` : `exited with status ${exitCode}`;
  return classifyToolFailure(program, outcome, stderr);
}

/** Buffers that are used again once their bytes are written: streams would make and drop one for every piece. Closes the pipe. */
async function store(fd: number, meter: ChecksumMeter, tee: Tee): Promise<void> {
  const buffers = new SharedBuffers();
  try {
    for (;;) {
      const chunk = buffers.take();
      const { bytesRead } = await readInto(fd, chunk.whole, 0, chunk.whole.length, null);
      if (bytesRead === 0) {
        break;
      }
      chunk.fill(bytesRead);
      meter.update(chunk.bytes);
      await tee.write(chunk);
      chunk.release();
    }
    await tee.finish();
  } finally {
    closeSync(fd);
  }
}
