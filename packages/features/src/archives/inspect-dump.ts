/** Task: dump a database, in custom format, through the inspector and keep nothing but what it found. */
import { closeSync } from 'node:fs';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { openPipe } from '@holdfast/platform/process/open-pipe';
import { runTool, type ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import type { BytesMoved } from './bytes-moved.ts';
import { contentsOf, startInspectorThread } from './inspect-stream.ts';

export async function inspectDump(
  { dump }: { readonly dump: ToolCommand },
  { signal, report }: TaskContext<BytesMoved>,
): Promise<ArchiveContents> {
  const thread = startInspectorThread();
  const pipe = await openPipe();
  const tool = await runTool({ ...dump, stdout: pipe.writeFd }).finally(() => closeSync(pipe.writeFd));
  const endTool = (): void => void tool.end();
  signal.addEventListener('abort', endTool, { once: true });
  try {
    // Not aborted itself: it ends with the pipe.
    const inspecting = thread.run(
      'inspectStream',
      { format: 'custom', readFd: pipe.readFd, writeFd: null },
      { onProgress: report },
    );
    inspecting.catch(endTool);
    const [inspected] = await Promise.allSettled([inspecting]);
    const exit = await tool.exited;
    signal.throwIfAborted();
    if (inspected.status === 'rejected') {
      throw inspected.reason;
    }
    if (exit.exitCode !== 0) {
      throw classifyToolFailure('pg_dump', `exited with status ${exit.exitCode}`, exit.stderr);
    }
    return contentsOf(inspected.value);
  } finally {
    signal.removeEventListener('abort', endTool);
    await tool.end();
    await thread.close();
  }
}
