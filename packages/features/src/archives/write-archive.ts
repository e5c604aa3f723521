/** Task: pg_dump → inspect → compress → checksum → storage; one pass, constant memory. */
import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BackupFormat } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { createInspector } from '@holdfast/platform/archive/create-inspector';
import { ChecksumMeter, type Checksums } from '@holdfast/platform/bytes/checksums';
import { type Compression, startCompressor } from '@holdfast/platform/bytes/compressor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { RunningTool, ToolExit } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { openStorage, type PartialFile, type StorageLocation } from '../storage/index.ts';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { type DumpSource, type OpenDump, openDump } from './dump-source.ts';
import { warningsOf } from './tool-warnings.ts';

export interface WriteArchiveInput {
  /** Uncompressed. */
  readonly dump: DumpSource;
  readonly format: BackupFormat;
  readonly compression: Compression;
  readonly storage: StorageLocation;
  readonly partial: PartialFile;
}

export interface WrittenArchive {
  readonly contents: ArchiveContents;
  readonly stored: Checksums;
  /** What pg_dump said although it succeeded. */
  readonly warnings: readonly string[];
}

const chunkBytes = 256 * 1024;

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
  const destination = await openStorage(input.storage).createPartial(input.partial);
  const tools: OpenDump[] = [];
  const endTools = (): void => {
    for (const tool of tools) {
      void tool.end();
    }
  };
  signal.addEventListener('abort', endTools, { once: true });
  try {
    const dump = await openDump(input.dump);
    tools.push(dump);
    const compressor = await startCompressor(input.compression);
    tools.push(...(compressor === null ? [] : [compressor]));
    signal.throwIfAborted();
    return await pump({ dump, format: input.format, compressor, destination }, context);
  } finally {
    signal.removeEventListener('abort', endTools);
    destination.destroy();
    await Promise.all(tools.map((tool) => tool.end()));
  }
}

interface Ends {
  readonly dump: OpenDump;
  readonly format: BackupFormat;
  readonly compressor: RunningTool | null;
  readonly destination: Writable;
}

async function pump(
  { dump, format, compressor, destination }: Ends,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<WrittenArchive> {
  const inspector = await createInspector(format);
  const meter = new ChecksumMeter();
  const moved = reportBytes(report);
  const inspect = tap((chunk) => {
    inspector.write(chunk);
    moved.add(chunk.length, inspector.currentTable);
  });
  const measure = tap((chunk) => meter.update(chunk));
  const flows =
    compressor === null
      ? [pipeline(dump.stdout, inspect, measure, destination, { signal })]
      : [
          pipeline(dump.stdout, inspect, compressor.stdin, { signal }),
          pipeline(compressor.stdout, measure, destination, { signal }),
        ];
  const tools = compressor === null ? [dump] : [dump, compressor];
  const [dumpExit, compressorExit] = await settleAll(flows, tools, signal);
  failOnExit('pg_dump', dumpExit);
  failOnExit('The compressor', compressorExit);
  moved.flush();
  return { contents: inspector.end(), stored: meter.finish(), warnings: warningsOf(dumpExit) };
}

/** Waits for flows and exits together. When a flow breaks, the tools are ended first, and a tool's own words win over "broken pipe". */
async function settleAll(
  flows: Promise<void>[],
  tools: OpenDump[],
  signal: AbortSignal,
): Promise<(ToolExit | undefined)[]> {
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
async function graceThenEnd(tool: OpenDump): Promise<ToolExit> {
  const graceMs = 500;
  const timer = setTimeout(() => void tool.end(), graceMs);
  tool.stdout.destroy();
  try {
    return await tool.exited;
  } finally {
    clearTimeout(timer);
  }
}

/** Storage and archive errors are causes; a broken pipe is only a symptom of what a tool then says. */
function causeOf(error: unknown, [dumpExit, compressorExit]: ToolExit[]): unknown {
  if (error instanceof AppError) {
    return error;
  }
  for (const [tool, exit] of [
    ['pg_dump', dumpExit],
    ['The compressor', compressorExit],
  ] as const) {
    if (exit !== undefined && exit.exitCode !== null && exit.exitCode > 0) {
      return classifyToolFailure(tool, `exited with status ${exit.exitCode}`, exit.stderr);
    }
  }
  return new AppError('TOOL_FAILED', `The pipeline broke: ${(error as Error).message}`, { cause: error });
}

function failOnExit(tool: string, exit: ToolExit | undefined): void {
  if (exit === undefined || exit.exitCode === 0) {
    return;
  }
  const outcome =
    exit.exitCode === null ? `was ended by ${exit.signal}` : `exited with status ${exit.exitCode}`;
  throw classifyToolFailure(tool, outcome, exit.stderr);
}

function tap(look: (chunk: Buffer) => void): Transform {
  return new Transform({
    highWaterMark: chunkBytes,
    transform(chunk: Buffer, _encoding, done) {
      try {
        look(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
