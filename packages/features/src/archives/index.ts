/** Door of the archives feature: moving archives between tools and storage, in a thread of its own. */
import { TaskThread } from '@holdfast/platform/process/task-thread';
import type { archiveTasks } from './tasks.ts';

export { failureOfCopy } from './copy-leg.ts';
export { encodeBytes } from './encode-bytes.ts';
export { listFolder, listStoredArchive } from './list-stored-archive.ts';
export { readStored } from './read-stored.ts';
export { runToEnd } from './run-to-end.ts';
export type { StoredArchive } from './open-decoded.ts';
export type { StoredObject } from './list-stored-objects.ts';
export { openStored, type StoredSource } from './stored-source.ts';
export { type FoundArchive, verifyStored } from './verify-stored.ts';
export type { WriteArchiveInput, WrittenArchive } from './write-archive.ts';

export type ArchiveThread = TaskThread<typeof archiveTasks>;

export function startArchiveThread(): ArchiveThread {
  return new TaskThread(new URL(import.meta.resolve('@holdfast/features/archives/thread')));
}
