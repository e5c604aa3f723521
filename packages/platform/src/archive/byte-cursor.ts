/** Reads the primitives of pg_dump's custom format from a buffer that may still be growing. */
import { AppError } from '@holdfast/contracts/errors';

/** Not an error of the archive: the bytes have not all come yet. */
export class NeedMoreBytes extends Error {
  override readonly name = 'NeedMoreBytes';
}

/** No name, definition or statement of a sane archive comes near it; a hostile length must not make us wait for ever. */
const maxStringBytes = 256 * 1024 * 1024;

export class ByteCursor {
  readonly #bytes: Buffer;
  #at = 0;
  /** Of integers in this archive; set from its header. */
  intBytes = 4;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#at;
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) {
      throw new NeedMoreBytes();
    }
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  /** A sign byte, then the magnitude, least byte first. */
  int(): number {
    const [sign, ...magnitude] = this.take(1 + this.intBytes);
    const value = magnitude.reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0);
    return sign === 0 ? value : -value;
  }

  /** Null where the length is negative. */
  string(): string | null {
    const length = this.int();
    if (length < 0) {
      return null;
    }
    if (length > maxStringBytes) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The archive claims a text of ${length} bytes at offset ${this.#at}.`,
      );
    }
    return this.take(length).toString('utf8');
  }
}
