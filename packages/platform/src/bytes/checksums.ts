/** MD5 and SHA-256 over the stored bytes, in one pass. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

export interface Checksums {
  readonly md5: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Feed it every chunk once; chunks of the size that pipes give cost the event loop well under a millisecond. */
export class ChecksumMeter {
  readonly #md5 = createHash('md5');
  readonly #sha256 = createHash('sha256');
  sizeBytes = 0;

  update(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#sha256.update(chunk);
    this.sizeBytes += chunk.length;
  }

  finish(): Checksums {
    return { md5: this.#md5.digest('hex'), sha256: this.#sha256.digest('hex'), sizeBytes: this.sizeBytes };
  }
}

/** SHA-256 and size of what a stream gives. */
export async function readSha256(
  stream: Readable,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(chunk);
    sizeBytes += chunk.length;
    onBytes(chunk.length);
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}
