/** Runs a short command to its end and collects what it prints. */
import { execFile } from 'node:child_process';
import { AppError } from '@holdfast/contracts/errors';

export interface CommandOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

const maxOutputBytes = 16 * 1024 * 1024;

/**
 * @returns standard output
 * @throws AppError TOOL_FAILED with the end of what it said
 */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { timeoutMs = 600_000, ...rest } = options;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { ...rest, timeout: timeoutMs, maxBuffer: maxOutputBytes },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const said = `${stdout}\n${stderr}`.trim().slice(-2_000);
        reject(
          new AppError('TOOL_FAILED', `${program} ${args[0] ?? ''} failed: ${said || error.message}`, {
            cause: error,
          }),
        );
      },
    );
  });
}
