/** The chunks of a stored archive, decoded: good only when the file and every program came to their end. */
import { openDecoded, type StoredArchive } from './open-decoded.ts';

/**
 * Stops cleanly where the reader stops early.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND and other errors of storage; the signal's reason
 */
export async function* readStored(archive: StoredArchive, signal: AbortSignal): AsyncGenerator<Buffer> {
  const decoded = await openDecoded(archive);
  const end = (): void => void decoded.close();
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const chunk of decoded.stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      yield chunk;
    }
    signal.throwIfAborted();
    await decoded.finish();
  } finally {
    signal.removeEventListener('abort', end);
    await decoded.close();
  }
}
