/** Task: read what storage holds and give its SHA-256 and size. */
import { readSha256 } from '@holdfast/platform/bytes/checksums';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export async function hashStored(
  source: StoredSource,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<{ sha256: string; sizeBytes: number }> {
  const moved = reportBytes(report);
  const found = await readSha256(await openStored(source), signal, (bytes) => moved.add(bytes));
  moved.flush();
  return found;
}
