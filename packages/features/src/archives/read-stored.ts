/** What storage holds, decompressed: good only when both the file and the decompressor came to their end. */
import { pipeline } from 'node:stream/promises';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { startDecompressor } from '@holdfast/platform/bytes/compressor';
import { openStored, type StoredSource } from './stored-source.ts';

export interface StoredArchive {
  readonly source: StoredSource;
  readonly compression: CompressionType;
}

/**
 * Stops cleanly where the reader stops early.
 * @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND and other errors of storage; the signal's reason
 */
export async function* readStored(
  { source, compression }: StoredArchive,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stored = await openStored(source);
  const decompressor = await startDecompressor(compression);
  const stopFeeding = new AbortController();
  // Settled either way: broken off on purpose, it may never settle, so it is waited for only behind the decompressor's end.
  const feeding =
    decompressor === null
      ? Promise.resolve(null)
      : pipeline(stored, decompressor.stdin, { signal: stopFeeding.signal }).then(
          () => null,
          (error: unknown) => error,
        );
  const end = (): void => void decompressor?.end();
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const chunk of (decompressor?.stdout ?? stored) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      yield chunk;
    }
    const exit = await decompressor?.exited;
    signal.throwIfAborted();
    if (exit !== undefined && exit.exitCode !== 0) {
      const said = `The stored file could not be decompressed to its end: ${exit.stderr.trim()}`;
      throw new AppError('FILE_CORRUPTION', said);
    }
    const broken = await feeding;
    if (broken !== null) {
      throw broken;
    }
  } finally {
    signal.removeEventListener('abort', end);
    stopFeeding.abort();
    stored.destroy();
    await decompressor?.end();
  }
}
