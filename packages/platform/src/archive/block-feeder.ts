/** Gives data that comes without lengths (files of a tar, COPY blocks of a script) to the row scanner, which expects pg_dump's own framing. */
import type { RowScanner, ScannedBlock } from './row-scanner.ts';

const lengthBytes = 5;

export class BlockFeeder {
  readonly #scanner: RowScanner;
  readonly #length = Buffer.alloc(lengthBytes);

  constructor(scanner: RowScanner) {
    this.#scanner = scanner;
  }

  startRows(): void {
    this.#scanner.startBlock('rows');
  }

  startObject(oid: number): void {
    this.#scanner.startBlock('large-objects');
    this.#writeLength(oid);
  }

  /** Answers the offset in the chunk at which something is wrong, or null. */
  feed(chunk: Uint8Array): number | null {
    if (chunk.length === 0) {
      return null;
    }
    this.#writeLength(chunk.length);
    const next = this.#scanner.scan(chunk, 0);
    return this.#scanner.status === 'needs-more' ? null : next;
  }

  /** Null unless the rows ended with their end mark. */
  endRows(): ScannedBlock | null {
    this.#writeLength(0);
    return this.#ended();
  }

  endObject(): ScannedBlock | null {
    this.#writeLength(0);
    this.#writeLength(0); // No further object in this block.
    return this.#ended();
  }

  #ended(): ScannedBlock | null {
    return this.#scanner.status === 'ended' ? this.#scanner.result : null;
  }

  /** As pg_dump writes an int. Oids above 2^31 pass through its signed int: a sign and the magnitude. */
  #writeLength(value: number): void {
    const signed = value | 0;
    this.#length[0] = signed < 0 ? 1 : 0;
    this.#length.writeUInt32LE(Math.abs(signed), 1);
    this.#scanner.scan(this.#length, 0);
  }
}
