/** Where a raw archive comes from: a tool that writes it, a dump in directory format that is packed as one tar, or a file made elsewhere. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { packFolder } from '@holdfast/platform/archive/pack-folder';
import { openPipe } from '@holdfast/platform/process/open-pipe';
import type { Checksums } from '@holdfast/platform/bytes/checksums';
import { type ImportSource, readImport } from './read-import.ts';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';

export type DumpSource =
  | { readonly tool: ToolCommand }
  | { readonly folder: string }
  | { readonly imported: ImportSource };

export interface OpenDump {
  /** The raw archive; whoever reads it closes it. */
  readonly fd: number;
  /** Null where a folder is packed. */
  readonly tool: RunningTool | null;
  /** Resolves when everything has been written; a folder that can't be read rejects it. */
  readonly written: Promise<void>;
  /** Of the file that is imported, once it has been read. */
  readonly origin?: Promise<Checksums>;
  /** Ends the writing; the reader then comes to an end. */
  end(): Promise<void>;
}

export async function openDump(source: DumpSource): Promise<OpenDump> {
  const { readFd, writeFd } = await openPipe();
  if ('tool' in source) {
    return await startTool(source.tool, { readFd, writeFd });
  }
  return 'folder' in source
    ? startPacking(source.folder, { readFd, writeFd })
    : startImporting(source.imported, { readFd, writeFd });
}

async function startTool(
  command: ToolCommand,
  { readFd, writeFd }: { readFd: number; writeFd: number },
): Promise<OpenDump> {
  try {
    const tool = await runTool({ ...command, stdout: writeFd });
    return {
      fd: readFd,
      tool,
      written: Promise.resolve(),
      end: async () => {
        await tool.end();
      },
    };
  } catch (error) {
    closeSync(readFd);
    throw error;
  } finally {
    closeSync(writeFd);
  }
}

function startPacking(folder: string, { readFd, writeFd }: { readFd: number; writeFd: number }): OpenDump {
  const packed = Readable.from(packFolder(folder), { objectMode: false });
  const written = pipeline(packed, new Socket({ fd: writeFd, readable: false, writable: true }));
  written.catch(() => undefined);
  return {
    fd: readFd,
    tool: null,
    written,
    end: async () => {
      packed.destroy();
      await written.catch(() => undefined);
    },
  };
}

/** A reader that gives up closes the pipe: what it says of the archive is the cause, so that alone is no failure here. */
function startImporting(
  source: ImportSource,
  { readFd, writeFd }: { readFd: number; writeFd: number },
): OpenDump {
  const reading = readImport(source);
  const raw = Readable.from(reading.stream, { objectMode: false });
  const written = pipeline(raw, new Socket({ fd: writeFd, readable: false, writable: true })).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') {
        throw error;
      }
    },
  );
  written.catch(() => undefined);
  return {
    fd: readFd,
    tool: null,
    written,
    origin: reading.origin,
    end: async () => {
      raw.destroy();
      await reading.close();
      await written.catch(() => undefined);
    },
  };
}
