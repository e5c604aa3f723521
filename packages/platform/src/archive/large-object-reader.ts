/** Follows a block of large objects: `oid chunk* 0` until oid 0, cut anywhere, and digests each object. */
import { createHash, type Hash } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';

const intBytes = 5;

export class LargeObjectReader {
  count = 0;
  bytes = 0;
  #digest = 0n;
  #state: 'oid' | 'length' | 'data' = 'oid';
  readonly #int = new Uint8Array(intBytes);
  #intRead = 0;
  #left = 0;
  #hash: Hash | null = null;

  get digest(): string {
    return this.#digest.toString(16).padStart(16, '0');
  }

  /** Answers the offset behind the block, or null while it goes on. */
  read(chunk: Uint8Array, offset: number): number | null {
    let at = offset;
    while (at < chunk.length) {
      if (this.#state === 'data') {
        const part = chunk.subarray(at, at + this.#left);
        (this.#hash as Hash).update(part);
        this.bytes += part.length;
        this.#left -= part.length;
        at += part.length;
        this.#state = this.#left === 0 ? 'length' : 'data';
      } else {
        this.#int[this.#intRead] = chunk[at] as number;
        this.#intRead += 1;
        at += 1;
        if (this.#intRead === intBytes && this.#takeInt()) {
          return at;
        }
      }
    }
    return null;
  }

  /** True where it ended the block. */
  #takeInt(): boolean {
    this.#intRead = 0;
    const value = new DataView(this.#int.buffer).getUint32(1, true);
    if (this.#state === 'oid') {
      if (value === 0) {
        return true;
      }
      this.#hash = createHash('sha256').update(this.#int);
      this.#state = 'length';
      return false;
    }
    if (this.#int[0] !== 0 || value > 0x7fffffff) {
      throw new AppError('FILE_CORRUPTION', 'A large object in the archive has an impossible length.');
    }
    if (value === 0) {
      this.#digest = BigInt.asUintN(64, this.#digest + (this.#hash as Hash).digest().readBigUInt64BE());
      this.count += 1;
      this.#state = 'oid';
    } else {
      this.#left = value;
      this.#state = 'data';
    }
    return false;
  }
}
