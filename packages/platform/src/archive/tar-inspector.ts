/**
 * Reads the formats tar and directory, both as one tar stream: `toc.dat` first, a file for the rows of each table, one for each large
 * object with a list of them behind it, and in the format tar the same as a script at the end.
 */
import { createHash } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveHeader } from './archive-header.ts';
import { BlockFeeder } from './block-feeder.ts';
import { type ArchiveContents, ContentsTally, nameOf, sequencesOf, tableOf } from './contents.ts';
import { HeadReader } from './head-reader.ts';
import type { Inspector } from './inspector.ts';
import type { RowScanner } from './row-scanner.ts';
import type { TocEntry } from './table-of-contents.ts';
import type { TarMember } from './tar-header.ts';
import { damagedAt, type TarHandler, TarReader } from './tar-reader.ts';

type Content =
  | { readonly kind: 'toc'; readonly head: HeadReader }
  | { readonly kind: 'rows'; readonly entry: TocEntry }
  | { readonly kind: 'object' }
  | { readonly kind: 'object-list'; readonly hash: ReturnType<typeof createHash> }
  | { readonly kind: 'script' };

const objectName = /^blob_([1-9]\d{0,9})\.dat$/;
const objectListName = /^blobs(?:_(\d{1,10}))?\.toc$/;
const maxOid = 2 ** 32 - 1;

export class TarInspector implements Inspector {
  readonly #format: 'tar' | 'directory';
  readonly #feeder: BlockFeeder;
  readonly #reader: TarReader;
  readonly #tally = new ContentsTally();
  #failure: unknown = null;
  #header: ArchiveHeader | null = null;
  #entries: readonly TocEntry[] | null = null;
  #headBytes: number | null = null;
  /** Entries whose rows have not come yet, by the name of their file. */
  readonly #expectedRows = new Map<string, TocEntry>();
  readonly #expectedLists = new Set<TocEntry>();
  #content: Content | null = null;
  #member = '';
  /** Of the list that should follow the objects seen since the last one; a hash, since there may be millions. */
  #objectLines = createHash('sha256');
  #hasObjectsUnlisted = false;
  #hasScript = false;

  constructor(format: 'tar' | 'directory', scanner: RowScanner) {
    this.#format = format;
    this.#feeder = new BlockFeeder(scanner);
    const handler: TarHandler = {
      startMember: (member, offset) => this.#startMember(member, offset),
      data: (chunk, offset) => this.#takeData(chunk, offset),
      endMember: (offset) => this.#endMember(offset),
    };
    this.#reader = new TarReader(handler);
  }

  get bytesRead(): number {
    return this.#reader.bytesRead;
  }

  get headBytes(): number {
    return this.#headBytes ?? this.bytesRead;
  }

  get entries(): readonly TocEntry[] | null {
    return this.#entries;
  }

  get currentTable(): string | null {
    return this.#content?.kind === 'rows' ? nameOf(this.#content.entry) : null;
  }

  write(chunk: Uint8Array): void {
    this.#guard(() => this.#reader.write(chunk));
  }

  end(): ArchiveContents {
    return this.#guard(() => {
      this.#reader.end();
      const { bytesRead } = this;
      const missing = [...this.#expectedRows.values(), ...this.#expectedLists][0];
      if (this.#header === null || this.#entries === null) {
        throw damagedAt(bytesRead, 'the table of contents is missing');
      }
      if (missing !== undefined) {
        throw damagedAt(bytesRead, `the data of ${nameOf(missing)} is missing`);
      }
      if (this.#hasObjectsUnlisted || (this.#format === 'tar' && !this.#hasScript)) {
        const what = this.#hasObjectsUnlisted ? 'the list of large objects' : 'restore.sql';
        throw damagedAt(bytesRead, `${what} is missing`);
      }
      return {
        header: this.#header,
        entries: this.#entries,
        tables: this.#tally.tables,
        largeObjects: this.#tally.largeObjects,
        sequences: sequencesOf(this.#entries),
        bytes: bytesRead,
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

  #startMember({ name }: TarMember, offset: number): void {
    this.#member = name;
    if (this.#entries === null) {
      if (name !== 'toc.dat') {
        throw damagedAt(offset, `"${name}" comes before the table of contents`);
      }
      this.#content = { kind: 'toc', head: new HeadReader('files', offset) };
      return;
    }
    this.#content = this.#takeRows(name) ?? this.#takeObject(name) ?? this.#takeList(name);
    if (this.#content === null && name === 'restore.sql' && this.#format === 'tar' && !this.#hasScript) {
      this.#content = { kind: 'script' };
    }
    if (this.#content === null) {
      throw damagedAt(offset, `no entry that waits for data has a file "${name}"`);
    }
  }

  #takeRows(name: string): Content | null {
    const entry = this.#expectedRows.get(name);
    if (entry === undefined) {
      return null;
    }
    this.#expectedRows.delete(name);
    this.#feeder.startRows();
    return { kind: 'rows', entry };
  }

  #takeObject(name: string): Content | null {
    const oid = Number(objectName.exec(name)?.[1] ?? 0);
    if (oid === 0 || oid > maxOid) {
      return null;
    }
    this.#hasObjectsUnlisted = true;
    this.#objectLines.update(`${oid} ${name}\n`);
    this.#feeder.startObject(oid);
    return { kind: 'object' };
  }

  /** One for all large objects until PostgreSQL 16, later one for each group of them, with the number of its entry. */
  #takeList(name: string): Content | null {
    const match = objectListName.exec(name);
    const entry = [...this.#expectedLists].find(
      ({ dumpId }) => match !== null && (match[1] === undefined || Number(match[1]) === dumpId),
    );
    if (entry === undefined) {
      return null;
    }
    this.#expectedLists.delete(entry);
    return { kind: 'object-list', hash: createHash('sha256') };
  }

  #takeData(chunk: Uint8Array, offset: number): void {
    const content = this.#content as Content;
    switch (content.kind) {
      case 'toc':
        this.#takeToc(content.head, content.head.read(chunk));
        break;
      case 'rows':
      case 'object': {
        const wrong = this.#feeder.feed(chunk);
        if (wrong !== null) {
          throw damagedAt(offset + wrong, `the rows of ${this.#what()} do not end with their end mark`);
        }
        break;
      }
      case 'object-list':
        content.hash.update(chunk);
        break;
      case 'script':
        break; // The same again, for people to read; pg_restore does not look at it either.
    }
  }

  #endMember(offset: number): void {
    const content = this.#content as Content;
    switch (content.kind) {
      case 'toc':
        this.#endToc(content.head, offset);
        this.#headBytes = offset;
        break;
      case 'rows': {
        const result = this.#feeder.endRows();
        if (result === null) {
          throw damagedAt(offset, `the rows of ${this.#what()} do not end with their end mark`);
        }
        this.#tally.addTable(tableOf(content.entry), result);
        break;
      }
      case 'object': {
        const result = this.#feeder.endObject();
        if (result === null) {
          throw damagedAt(offset, `the large object "${this.#member}" cannot be read`);
        }
        this.#tally.addObjects(result);
        break;
      }
      case 'object-list':
        this.#endList(content.hash, offset);
        break;
      case 'script':
        this.#hasScript = true;
        break;
    }
    this.#content = null;
  }

  #takeToc(head: HeadReader, rest: Buffer | null): void {
    if (rest !== null && rest.length > 0) {
      throw damagedAt(head.offset, 'something stands behind the table of contents');
    }
  }

  #endToc(head: HeadReader, offset: number): void {
    const rest = head.finish();
    if (rest === null || head.header === null) {
      throw damagedAt(offset, 'the table of contents is cut short');
    }
    this.#takeToc(head, rest);
    this.#header = head.header;
    this.#entries = head.entries;
    for (const entry of head.entries.filter(({ hasData }) => hasData)) {
      this.#expect(entry, offset);
    }
  }

  #expect(entry: TocEntry, offset: number): void {
    if (entry.description === 'BLOBS') {
      this.#expectedLists.add(entry);
      return;
    }
    if (this.#expectedRows.has(entry.fileName)) {
      throw damagedAt(offset, `two entries have the file "${entry.fileName}"`);
    }
    if (entry.copyStatement === '') {
      throw new AppError(
        'INVALID_CONFIG',
        `The rows of ${nameOf(entry)} are INSERT statements; Holdfast reads archives with COPY data.`,
      );
    }
    this.#expectedRows.set(entry.fileName, entry);
  }

  #endList(hash: ReturnType<typeof createHash>, offset: number): void {
    if (hash.digest('hex') !== this.#objectLines.digest('hex')) {
      throw damagedAt(offset, `"${this.#member}" does not list the large objects before it`);
    }
    this.#objectLines = createHash('sha256');
    this.#hasObjectsUnlisted = false;
  }

  #what(): string {
    return this.currentTable ?? `"${this.#member}"`;
  }
}
