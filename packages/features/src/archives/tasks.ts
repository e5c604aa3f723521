/** The tasks that move the bytes of archives, by name. */
import { hashStored } from './hash-stored.ts';
import { inspectDump } from './inspect-dump.ts';
import { listStoredObjects } from './list-stored-objects.ts';
import { restoreStored } from './restore-stored.ts';
import { verifyStored } from './verify-stored.ts';
import { writeArchive } from './write-archive.ts';

export const archiveTasks = {
  writeArchive,
  hashStored,
  restoreStored,
  inspectDump,
  verifyStored,
  listStoredObjects,
};
