/** Where a raw archive comes from: a tool that writes it, or a dump in directory format that is packed as one tar. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { packFolder } from '@holdfast/platform/archive/pack-folder';
import { openPipe } from '@holdfast/platform/process/open-pipe';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';

export type DumpSource = { readonly tool: ToolCommand } | { readonly folder: string };

export interface OpenDump {
  /** The raw archive; whoever reads it closes it. */
  readonly fd: number;
  /** Null where a folder is packed. */
  readonly tool: RunningTool | null;
  /** Resolves when everything has been written; a folder that can't be read rejects it. */
  readonly written: Promise<void>;
  /** Ends the writing; the reader then comes to an end. */
  end(): Promise<void>;
}

export async function openDump(source: DumpSource): Promise<OpenDump> {
  const { readFd, writeFd } = await openPipe();
  return 'tool' in source
    ? await startTool(source.tool, { readFd, writeFd })
    : startPacking(source.folder, { readFd, writeFd });
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
