/** Reads the primitives of pg_dump's custom format from the bytes that have come so far. */
import { AppError } from '@holdfast/contracts/errors';

/** Not an error of the archive: the bytes have not all come yet. */
export class NeedMoreBytes extends Error {
  override readonly name = 'NeedMoreBytes';
  /** Of the cursor's bytes, how many there must be before another try makes sense. */
  readonly neededBytes: number;

  constructor(neededBytes: number) {
    super(`${neededBytes} bytes are needed`);
    this.neededBytes = neededBytes;
  }
}

/** No name, definition or statement of a sane archive comes near it; a hostile length must not make us wait for ever. */
const maxStringBytes = 256 * 1024 * 1024;

export class ByteCursor {
  readonly #bytes: Buffer;
  readonly #startOffset: number;
  #at = 0;

  /** `startOffset`: where in the archive the first of the bytes stands. */
  constructor(bytes: Buffer, startOffset: number) {
    this.#bytes = bytes;
    this.#startOffset = startOffset;
  }

  /** Among the cursor's own bytes. */
  get position(): number {
    return this.#at;
  }

  /** @throws AppError FILE_CORRUPTION that names the offset in the archive */
  refuse(what: string): never {
    throw new AppError('FILE_CORRUPTION', `The archive is damaged at offset ${this.#offset}: ${what}.`);
  }

  take(count: number): Buffer {
    const end = this.#reserve(count);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  /** A sign byte, then four of magnitude, least byte first. */
  int(): number {
    const end = this.#reserve(5);
    const magnitude = this.#bytes.readUInt32LE(this.#at + 1);
    const value = this.#bytes[this.#at] === 0 ? magnitude : -magnitude;
    this.#at = end;
    return value;
  }

  /** Null where the length is negative. */
  string(): string | null {
    const length = this.int();
    if (length < 0) {
      return null;
    }
    if (length > maxStringBytes) {
      this.refuse(`it claims a text of ${length} bytes`);
    }
    return this.take(length).toString('utf8');
  }

  get #offset(): number {
    return this.#startOffset + this.#at;
  }

  #reserve(count: number): number {
    const end = this.#at + count;
    if (end > this.#bytes.length) {
      throw new NeedMoreBytes(end);
    }
    return end;
  }
}
