/** Where a raw archive comes from: a tool that writes it, or a dump in directory format that is packed as one tar. */
import { Readable } from 'node:stream';
import { packFolder } from '@holdfast/platform/archive/pack-folder';
import { type RunningTool, runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';

export type DumpSource = { readonly tool: ToolCommand } | { readonly folder: string };

/** What a pipeline needs of it. */
export type OpenDump = Pick<RunningTool, 'stdout' | 'exited' | 'end'>;

const packed = { exitCode: 0, signal: null, stderr: '' } as const;

/** A folder that can't be read breaks its stream; it has no exit status of its own. */
export async function openDump(source: DumpSource): Promise<OpenDump> {
  if ('tool' in source) {
    return await runTool(source.tool);
  }
  const stdout = Readable.from(packFolder(source.folder), { objectMode: false });
  return {
    stdout,
    exited: Promise.resolve(packed),
    end: async () => {
      stdout.destroy();
      return packed;
    },
  };
}
