/** What a tool said although it succeeded. */
import type { ToolExit } from '@holdfast/platform/process/run-tool';

const maxWarnings = 100;

export function warningsOf(exit: Pick<ToolExit, 'stderr'> | undefined): string[] {
  return (exit?.stderr ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, maxWarnings);
}
