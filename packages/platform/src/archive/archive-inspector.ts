/**
 * Reads an uncompressed custom-format archive as it flows by and tells what is in it: the table of contents and, for each table,
 * rows, bytes and a digest that does not depend on the order of rows, on how pg_dump cut its chunks, or on how pipes cut ours.
 */
import { AppError } from '@holdfast/contracts/errors';
import { ByteCursor } from './byte-cursor.ts';
import { LargeObjectReader } from './large-object-reader.ts';
import { RowScanner } from './row-scanner.ts';
import { type ArchiveHeader, isIncomplete, readHead, type TocEntry } from './table-of-contents.ts';

export type { ArchiveHeader, TocEntry } from './table-of-contents.ts';

export interface TableContents {
  readonly schema: string;
  readonly name: string;
  readonly rows: number;
  /** COPY text, newlines included. */
  readonly bytes: number;
  /** 16 hexadecimal digits. */
  readonly digest: string;
}

export interface ArchiveContents {
  readonly header: ArchiveHeader;
  readonly entries: readonly TocEntry[];
  readonly tables: readonly TableContents[];
  readonly largeObjects: { readonly count: number; readonly bytes: number; readonly digest: string };
  /** `value`: the arguments of setval behind the name, for example "42, true". */
  readonly sequences: readonly { readonly schema: string; readonly name: string; readonly value: string }[];
  readonly bytes: number;
}

type State = 'head' | 'block' | 'rows' | 'large-objects';

const dataBlock = 1;
const largeObjectsBlock = 3;
const blockHeadBytes = 6;
const maxHeadBytes = 1024 * 1024 * 1024;

export class ArchiveInspector {
  bytesRead = 0;
  #state: State = 'head';
  #head: Buffer[] = [];
  #headBytes = 0;
  #tryHeadAt = 0;
  #header: ArchiveHeader | null = null;
  #entries: readonly TocEntry[] | null = null;
  #expected = new Map<number, TocEntry>();
  #current: TocEntry | null = null;
  readonly #blockHead = Buffer.alloc(blockHeadBytes);
  #blockHeadRead = 0;
  readonly #scanner: RowScanner;
  readonly #tables: TableContents[] = [];
  readonly #largeObjects = new LargeObjectReader();

  private constructor(scanner: RowScanner) {
    this.#scanner = scanner;
  }

  static async create(): Promise<ArchiveInspector> {
    return new ArchiveInspector(await RowScanner.create());
  }

  /** As soon as the table of contents has been read. */
  get entries(): readonly TocEntry[] | null {
    return this.#entries;
  }

  /** `schema.table` whose rows are passing now. */
  get currentTable(): string | null {
    return this.#state === 'rows' && this.#current !== null
      ? `${this.#current.schema}.${this.#current.tag}`
      : null;
  }

  /** @throws AppError FILE_CORRUPTION with offset and table, INVALID_CONFIG for an archive Holdfast does not read */
  write(chunk: Uint8Array): void {
    if (this.#state === 'head') {
      this.#readHead(chunk);
    } else {
      this.#readBlocks(chunk, 0);
    }
    this.bytesRead += chunk.length;
  }

  /** @throws AppError FILE_CORRUPTION unless the archive ended exactly behind its last block and no block is missing */
  end(): ArchiveContents {
    if (this.#state === 'head') {
      this.#tryHeadAt = 0;
      this.#finishHead();
    }
    if (
      this.#header === null ||
      this.#entries === null ||
      this.#state !== 'block' ||
      this.#blockHeadRead > 0
    ) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The archive is cut short after ${this.bytesRead} bytes${this.#where()}.`,
      );
    }
    const missing = this.#expected.values().next().value;
    if (missing !== undefined) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The archive is cut short after ${this.bytesRead} bytes: the data of ${missing.schema}.${missing.tag} is missing.`,
      );
    }
    const { count, bytes, digest } = this.#largeObjects;
    return {
      header: this.#header,
      entries: this.#entries,
      tables: this.#tables,
      largeObjects: { count, bytes, digest },
      sequences: this.#entries.flatMap(sequenceOf),
      bytes: this.bytesRead,
    };
  }

  /** Collects the head until it parses; what follows it in the same chunk is read at once. */
  #readHead(chunk: Uint8Array): void {
    // Copied: whoever reads the pipe may use the buffer again.
    this.#head.push(Buffer.from(chunk));
    this.#headBytes += chunk.length;
    if (this.#headBytes > maxHeadBytes) {
      throw new AppError('FILE_CORRUPTION', 'The table of contents is larger than any that pg_dump writes.');
    }
    this.#finishHead();
  }

  /** Parses what has come; tried again only once twice as much is there, so that a long table of contents costs no square. */
  #finishHead(): void {
    if (this.#headBytes < this.#tryHeadAt) {
      return;
    }
    const bytes = Buffer.concat(this.#head);
    const cursor = new ByteCursor(bytes);
    try {
      const { header, entries } = readHead(cursor);
      this.#header = header;
      this.#entries = entries;
    } catch (error) {
      if (!isIncomplete(error)) {
        throw error;
      }
      this.#head = [bytes];
      this.#tryHeadAt = this.#headBytes * 2;
      return;
    }
    this.#expected = new Map(
      (this.#entries ?? []).filter((entry) => entry.hasData).map((entry) => [entry.dumpId, entry]),
    );
    this.#head = [];
    this.#state = 'block';
    this.#readBlocks(bytes, cursor.offset);
  }

  #readBlocks(chunk: Uint8Array, from: number): void {
    let at = from;
    while (at < chunk.length) {
      at = this.#step(chunk, at);
    }
  }

  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'rows':
        return this.#readRows(chunk, at);
      case 'large-objects':
        return this.#readLargeObjects(chunk, at);
      default:
        return this.#readBlockHead(chunk, at);
    }
  }

  #readBlockHead(chunk: Uint8Array, at: number): number {
    this.#blockHead[this.#blockHeadRead] = chunk[at] as number;
    this.#blockHeadRead += 1;
    if (this.#blockHeadRead === blockHeadBytes) {
      this.#blockHeadRead = 0;
      this.#startBlock(this.#blockHead[0] as number, this.#blockHead.readUInt32LE(2));
    }
    return at + 1;
  }

  #startBlock(kind: number, dumpId: number): void {
    const entry = this.#expected.get(dumpId);
    if (entry === undefined || (kind !== dataBlock && kind !== largeObjectsBlock)) {
      throw new AppError(
        'FILE_CORRUPTION',
        `A data block near offset ${this.bytesRead} belongs to no entry of the table of contents.`,
      );
    }
    this.#expected.delete(dumpId);
    this.#current = entry;
    this.#state = kind === dataBlock ? 'rows' : 'large-objects';
    this.#scanner.startBlock();
  }

  #readRows(chunk: Uint8Array, at: number): number {
    const next = this.#scanner.scan(chunk, at);
    const { status } = this.#scanner;
    if (status === 'ended') {
      const { schema, tag } = this.#current as TocEntry;
      this.#tables.push({ schema, name: tag, ...this.#scanner.result });
      this.#state = 'block';
    } else if (status !== 'needs-more') {
      const what = status === 'bad-length' ? 'an impossible length' : 'rows without their end mark';
      throw new AppError(
        'FILE_CORRUPTION',
        `The archive has ${what} near offset ${this.bytesRead + next}${this.#where()}.`,
      );
    }
    return next;
  }

  #readLargeObjects(chunk: Uint8Array, at: number): number {
    const next = this.#largeObjects.read(chunk, at);
    if (next === null) {
      return chunk.length;
    }
    this.#state = 'block';
    return next;
  }

  #where(): string {
    return this.currentTable === null ? '' : `, in the rows of ${this.currentTable}`;
  }
}

function sequenceOf({
  description,
  schema,
  tag,
  definition,
}: TocEntry): { schema: string; name: string; value: string }[] {
  const value =
    description === 'SEQUENCE SET' ? /, (-?\d+, (?:true|false))\);\s*$/.exec(definition)?.[1] : undefined;
  return value === undefined ? [] : [{ schema, name: tag, value }];
}
