/** Runs a tool that moves its bytes by itself, between a server and a folder. */
import type { ErrorCode } from '@holdfast/contracts/errors';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import { warningsOf } from './tool-warnings.ts';

export interface RunToEndOptions {
  readonly name: string;
  readonly signal: AbortSignal;
  /** Where nothing of what it says is recognised. */
  readonly fallback: ErrorCode;
}

/**
 * @returns its warnings
 * @throws AppError by what the tool said; the signal's reason, once the tool has ended
 */
export async function runToEnd(
  command: ToolCommand,
  { name, signal, fallback }: RunToEndOptions,
): Promise<string[]> {
  const tool = await runTool(command);
  const end = (): void => void tool.end();
  signal.addEventListener('abort', end, { once: true });
  try {
    if (signal.aborted) {
      end();
    }
    const exit = await tool.exited;
    signal.throwIfAborted();
    if (exit.exitCode !== 0) {
      const outcome =
        exit.exitCode === null ? `was ended by ${exit.signal}` : `exited with status ${exit.exitCode}`;
      throw classifyToolFailure(name, outcome, exit.stderr, fallback);
    }
    return warningsOf(exit);
  } finally {
    signal.removeEventListener('abort', end);
    await tool.end();
  }
}
