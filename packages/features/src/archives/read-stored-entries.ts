/** Reads the table of contents of a stored archive. It stands at the head, so little of the file is read. */
import { pipeline } from 'node:stream/promises';
import type { CompressionType } from '@holdfast/contracts/backups';
import { ArchiveInspector, type TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import { openStored, type StoredSource } from './stored-source.ts';

export interface ReadEntriesInput {
  readonly source: StoredSource;
  readonly compression: CompressionType;
}

/** @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND */
export async function readStoredEntries(
  { source, compression }: ReadEntriesInput,
  signal: AbortSignal,
): Promise<readonly TocEntry[]> {
  const inspector = await ArchiveInspector.create();
  const stored = await openStored(source);
  const decompressor = await startDecompressor(compression);
  const stopFeeding = new AbortController();
  if (decompressor !== null) {
    // It is broken off on purpose, and such a pipeline may never settle: nobody waits for it.
    pipeline(stored, decompressor.stdin, { signal: stopFeeding.signal }).catch(() => undefined);
  }
  try {
    for await (const chunk of (decompressor?.stdout ?? stored) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      inspector.write(chunk);
      if (inspector.entries !== null) {
        break;
      }
    }
  } finally {
    stopFeeding.abort();
    stored.destroy();
    await decompressor?.end();
  }
  return inspector.entries ?? inspector.end().entries;
}
