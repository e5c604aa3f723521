/**
 * Reads an uncompressed custom-format archive as it flows by and tells what is in it: the table of contents and, for each table,
 * rows, bytes and a digest that does not depend on the order of rows, on how pg_dump cut its chunks, or on how pipes cut ours.
 */
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveHeader } from './archive-header.ts';
import { type ArchiveContents, ContentsTally, nameOf, sequencesOf, tableOf } from './contents.ts';
import { HeadReader } from './head-reader.ts';
import type { Inspector } from './inspector.ts';
import { RowScanner } from './row-scanner.ts';
import type { TocEntry } from './table-of-contents.ts';

export type { ArchiveContents, TableContents } from './contents.ts';
export type { ArchiveHeader } from './archive-header.ts';
export type { TocEntry } from './table-of-contents.ts';

type State = 'head' | 'block-head' | 'block';

/** Kind of block by its first byte, and the kind of entry that it belongs to. */
const blockKinds: Readonly<Record<number, { readonly kind: BlockKind; readonly description: string }>> = {
  1: { kind: 'rows', description: 'TABLE DATA' },
  3: { kind: 'large-objects', description: 'BLOBS' },
};

type BlockKind = 'rows' | 'large-objects';

/** The kind, and the entry's number with its sign. */
const blockHeadBytes = 6;

export class ArchiveInspector implements Inspector {
  #state: State = 'head';
  #bytesRead = 0;
  #failure: unknown = null;
  readonly #head = new HeadReader('custom');
  /** Entries whose data has not come yet, by number. */
  readonly #expected = new Map<number, TocEntry>();
  readonly #blockHead = Buffer.alloc(blockHeadBytes);
  #blockHeadRead = 0;
  #current: TocEntry | null = null;
  readonly #scanner: RowScanner;
  readonly #tally = new ContentsTally();

  private constructor(scanner: RowScanner) {
    this.#scanner = scanner;
  }

  static async create(): Promise<ArchiveInspector> {
    return new ArchiveInspector(await RowScanner.create());
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get header(): ArchiveHeader | null {
    return this.#head.header;
  }

  /** As soon as the table of contents has been read. */
  get entries(): readonly TocEntry[] | null {
    return this.#state === 'head' ? null : this.#head.entries;
  }

  /** Where in the archive the table of contents ends, or how far it has been understood. */
  get headBytes(): number {
    return this.#head.offset;
  }

  /** `schema.table` whose rows are passing now. */
  get currentTable(): string | null {
    return this.#current?.description === 'TABLE DATA' ? nameOf(this.#current) : null;
  }

  /**
   * Once it has thrown, it throws the same again: nothing behind the damage can be trusted.
   * @throws AppError FILE_CORRUPTION with offset and table, INVALID_CONFIG for an archive Holdfast does not read
   */
  write(chunk: Uint8Array): void {
    this.#guard(() => {
      const offset = this.#bytesRead;
      this.#bytesRead += chunk.length;
      if (this.#state === 'head') {
        this.#startBlocks(this.#head.read(chunk));
      } else {
        this.#readBlocks(chunk, offset);
      }
    });
  }

  /** @throws AppError FILE_CORRUPTION unless the archive ended exactly behind its last block and no block is missing */
  end(): ArchiveContents {
    return this.#guard(() => {
      if (this.#state === 'head') {
        this.#startBlocks(this.#head.finish());
      }
      const { header, entries } = this;
      if (header === null || entries === null || this.#state !== 'block-head' || this.#blockHeadRead > 0) {
        throw this.#cutShort();
      }
      for (const missing of this.#expected.values()) {
        throw this.#cutShort(`: the data of ${nameOf(missing)} is missing`);
      }
      return {
        header,
        entries,
        tables: this.#tally.tables,
        largeObjects: this.#tally.largeObjects,
        sequences: sequencesOf(entries),
        bytes: this.#bytesRead,
      };
    });
  }

  #guard<Result>(work: () => Result): Result {
    if (this.#failure !== null) {
      throw this.#failure;
    }
    try {
      return work();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** With what stands behind the table of contents; null while that goes on. */
  #startBlocks(rest: Uint8Array | null): void {
    if (rest === null) {
      return;
    }
    for (const entry of this.#head.entries.filter(({ hasData }) => hasData)) {
      this.#expect(entry);
    }
    this.#state = 'block-head';
    this.#readBlocks(rest, this.#head.offset);
  }

  #expect(entry: TocEntry): void {
    if (this.#expected.has(entry.dumpId)) {
      throw this.#damagedAt(this.#head.offset, `two entries with data have the number ${entry.dumpId}`);
    }
    if (entry.description === 'TABLE DATA' && entry.copyStatement === '') {
      throw new AppError(
        'INVALID_CONFIG',
        `The rows of ${nameOf(entry)} are INSERT statements; Holdfast reads archives with COPY data.`,
      );
    }
    this.#expected.set(entry.dumpId, entry);
  }

  /** `offset`: where in the archive the chunk begins. */
  #readBlocks(chunk: Uint8Array, offset: number): void {
    let at = 0;
    while (at < chunk.length) {
      at =
        this.#state === 'block' ? this.#readData(chunk, at, offset) : this.#readBlockHead(chunk, at, offset);
    }
  }

  #readBlockHead(chunk: Uint8Array, at: number, offset: number): number {
    this.#blockHead[this.#blockHeadRead] = chunk[at] as number;
    this.#blockHeadRead += 1;
    if (this.#blockHeadRead === blockHeadBytes) {
      this.#blockHeadRead = 0;
      this.#startBlock(offset + at + 1 - blockHeadBytes);
    }
    return at + 1;
  }

  #startBlock(offset: number): void {
    const type = this.#blockHead[0] as number;
    const block = blockKinds[type];
    if (block === undefined) {
      throw this.#damagedAt(offset, `${type} is no kind of data block`);
    }
    const magnitude = this.#blockHead.readUInt32LE(2);
    const dumpId = this.#blockHead[1] === 0 ? magnitude : -magnitude;
    const entry = this.#expected.get(dumpId);
    if (entry === undefined) {
      throw this.#damagedAt(offset, `no entry that waits for data has the number ${dumpId}`);
    }
    if (entry.description !== block.description) {
      throw this.#damagedAt(offset, `${nameOf(entry)}, a ${entry.description}, has a block of ${block.kind}`);
    }
    this.#expected.delete(dumpId);
    this.#current = entry;
    this.#state = 'block';
    this.#scanner.startBlock(block.kind);
  }

  #readData(chunk: Uint8Array, at: number, offset: number): number {
    const next = this.#scanner.scan(chunk, at);
    switch (this.#scanner.status) {
      case 'needs-more':
        break;
      case 'ended':
        this.#endBlock();
        break;
      case 'bad-length':
        throw this.#damagedAt(offset + next, 'a length is impossible');
      case 'bad-end':
        throw this.#damagedAt(offset + next, 'the rows do not end with their end mark');
    }
    return next;
  }

  #endBlock(): void {
    const entry = this.#current as TocEntry;
    if (entry.description === 'TABLE DATA') {
      this.#tally.addTable(tableOf(entry), this.#scanner.result);
    } else {
      this.#tally.addObjects(this.#scanner.result);
    }
    this.#current = null;
    this.#state = 'block-head';
  }

  #damagedAt(offset: number, what: string): AppError {
    return new AppError(
      'FILE_CORRUPTION',
      `The archive is damaged at offset ${offset}${this.#where()}: ${what}.`,
    );
  }

  #cutShort(what = ''): AppError {
    return new AppError(
      'FILE_CORRUPTION',
      `The archive is cut short after ${this.#bytesRead} bytes${this.#where()}${what}.`,
    );
  }

  #where(): string {
    return this.#current === null ? '' : `, in the data of ${nameOf(this.#current)}`;
  }
}
