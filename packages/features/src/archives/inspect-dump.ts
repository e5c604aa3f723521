/** Task: dump a database, in custom format, through the inspector and keep nothing but what it found. */
import { ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';

export async function inspectDump(
  { dump }: { readonly dump: ToolCommand },
  { signal, report }: TaskContext<BytesMoved>,
): Promise<ArchiveContents> {
  const inspector = await ArchiveInspector.create();
  const moved = reportBytes(report);
  const tool = await runTool(dump);
  const endTool = (): void => void tool.end();
  signal.addEventListener('abort', endTool, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of tool.stdout as AsyncIterable<Buffer>) {
      inspector.write(chunk);
      moved.add(chunk.length, inspector.currentTable);
    }
    const exit = await tool.exited;
    signal.throwIfAborted();
    if (exit.exitCode !== 0) {
      throw classifyToolFailure('pg_dump', `exited with status ${exit.exitCode}`, exit.stderr);
    }
    moved.flush();
    return inspector.end();
  } finally {
    signal.removeEventListener('abort', endTool);
    await tool.end();
  }
}
