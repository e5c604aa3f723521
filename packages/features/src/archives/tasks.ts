/** The tasks that move the bytes of archives, by name. */
import { copyStored } from './copy-stored.ts';
import { extractStored } from './extract-stored.ts';
import { hashStored } from './hash-stored.ts';
import { inspectDump } from './inspect-dump.ts';
import { inspectStored, readStoredEntries } from './inspect-stored.ts';
import { listStoredObjects } from './list-stored-objects.ts';
import { replayStored } from './replay-stored.ts';
import { restoreStored } from './restore-stored.ts';
import { verifyStored } from './verify-stored.ts';
import { writeArchive } from './write-archive.ts';

export const archiveTasks = {
  writeArchive,
  copyStored,
  hashStored,
  replayStored,
  restoreStored,
  inspectDump,
  inspectStored,
  readStoredEntries,
  extractStored,
  verifyStored,
  listStoredObjects,
};
