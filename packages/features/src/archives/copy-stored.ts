/** Task: copy a stored file, as it is, to another storage, and tell what was read. */
import { createHash } from 'node:crypto';
import { finished } from 'node:stream/promises';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { openStorage, type PartialFile, type StorageLocation } from '../storage/index.ts';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import { writeChunk } from './copy-leg.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export interface CopyStoredInput {
  readonly from: StoredSource;
  readonly to: StorageLocation;
  readonly partial: PartialFile;
  readonly expectedBytes: number;
}

/** Once it resolves every byte is safe in the partial file. */
export async function copyStored(
  { from, to, partial, expectedBytes }: CopyStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<{ sha256: string; sizeBytes: number }> {
  const source = await openStored(from);
  try {
    const destination = await openStorage(to).createPartial(partial, expectedBytes);
    const end = (): void => {
      source.destroy();
      destination.destroy();
    };
    // The failed write itself tells; an event that nobody hears would end the thread.
    destination.on('error', () => undefined);
    signal.addEventListener('abort', end, { once: true });
    try {
      const hash = createHash('sha256');
      const moved = reportBytes(report);
      let sizeBytes = 0;
      for await (const chunk of source as AsyncIterable<Buffer>) {
        signal.throwIfAborted();
        hash.update(chunk);
        sizeBytes += chunk.length;
        await writeChunk(destination, chunk);
        moved.add(chunk.length);
      }
      signal.throwIfAborted();
      destination.end();
      await finished(destination);
      moved.flush();
      return { sha256: hash.digest('hex'), sizeBytes };
    } finally {
      signal.removeEventListener('abort', end);
      destination.destroy();
    }
  } finally {
    source.destroy();
  }
}
