/** Tasks: read a stored archive again through its inspector, to the end or only its table of contents. */
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { createInspector } from '@holdfast/platform/archive/create-inspector';
import type { TocEntry } from '@holdfast/platform/archive/table-of-contents';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import type { StoredArchive } from './open-decoded.ts';
import { readStored } from './read-stored.ts';

/** @throws AppError FILE_CORRUPTION */
export async function inspectStored(
  archive: StoredArchive,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<ArchiveContents> {
  const inspector = await createInspector(archive.format);
  const moved = reportBytes(report);
  for await (const chunk of readStored(archive, signal)) {
    inspector.write(chunk);
    moved.add(chunk.length, inspector.currentTable);
  }
  moved.flush();
  return inspector.end();
}

/** Stops as soon as the table of contents has been read: little of the file, except of a plain script, which has none. */
export async function readStoredEntries(
  archive: StoredArchive,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<readonly TocEntry[]> {
  const inspector = await createInspector(archive.format);
  const moved = reportBytes(report);
  for await (const chunk of readStored(archive, signal)) {
    inspector.write(chunk);
    moved.add(chunk.length);
    if (inspector.entries !== null) {
      return inspector.entries;
    }
  }
  return inspector.end().entries;
}
