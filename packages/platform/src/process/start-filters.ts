/** Programs in a row, each reading what the one before it wrote, joined by the kernel: their bytes never pass through Node. */
import { closeSync } from 'node:fs';
import { openPipe, type Pipe } from './open-pipe.ts';
import { type RunningTool, runTool, type ToolCommand } from './run-tool.ts';

/** Reads standard input, writes standard output. */
export type FilterCommand = Pick<ToolCommand, 'program' | 'args' | 'env' | 'secretFile'>;

export interface Filters {
  /** In the order of the bytes. */
  readonly tools: readonly RunningTool[];
  /** The caller writes here, and closes it. */
  readonly inputFd: number;
  /** The caller reads here, and closes it. */
  readonly outputFd: number;
}

/** Without commands: a bare pipe. @throws AppError INVALID_CONFIG when a program can't be started; nothing is left then */
export async function startFilters(commands: readonly FilterCommand[]): Promise<Filters> {
  const first = await openPipe();
  const tools: RunningTool[] = [];
  let last: Pipe = first;
  try {
    for (const command of commands) {
      const next = await openPipe();
      try {
        tools.push(await runTool({ ...command, stdin: last.readFd, stdout: next.writeFd }));
      } finally {
        closeSync(last.readFd);
        closeSync(next.writeFd);
        last = { readFd: next.readFd, writeFd: first.writeFd };
      }
    }
  } catch (error) {
    closeSync(first.writeFd);
    closeSync(last.readFd);
    await Promise.all(tools.map((tool) => tool.end()));
    throw error;
  }
  return { tools, inputFd: first.writeFd, outputFd: last.readFd };
}
