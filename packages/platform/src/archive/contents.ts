/** What an inspector finds in an archive of any format, and the sums it keeps while the archive flows by. */
import type { ArchiveHeader } from './archive-header.ts';
import { readCopyStatement } from './copy-statement.ts';
import type { ScannedBlock } from './row-scanner.ts';
import { sequenceValueOf, type TocEntry } from './table-of-contents.ts';

export interface TableContents {
  readonly schema: string;
  readonly name: string;
  /** As the COPY statement quotes them, for example `id, "Name"`; null for a table without columns. */
  readonly columns: string | null;
  readonly rows: number;
  /** COPY text, newlines included. */
  readonly bytes: number;
  /** 16 hexadecimal digits. */
  readonly digest: string;
}

export interface SequenceContents {
  readonly schema: string;
  readonly name: string;
  /** The arguments of setval behind the name, for example "42, true". */
  readonly value: string;
}

export interface ArchiveContents {
  readonly header: ArchiveHeader;
  readonly entries: readonly TocEntry[];
  readonly tables: readonly TableContents[];
  readonly largeObjects: { readonly count: number; readonly bytes: number; readonly digest: string };
  readonly sequences: readonly SequenceContents[];
  readonly bytes: number;
}

/** Tables as they end, and the sum of all large objects, however many blocks they come in. */
export class ContentsTally {
  readonly tables: TableContents[] = [];
  #objects = { count: 0, bytes: 0, digest: 0n };

  addTable(
    { schema, name, columns }: Pick<TableContents, 'schema' | 'name' | 'columns'>,
    { items, bytes, digest }: ScannedBlock,
  ): void {
    this.tables.push({ schema, name, columns, rows: items, bytes, digest: hexDigits(digest) });
  }

  addObjects({ items, bytes, digest }: ScannedBlock): void {
    const sum = this.#objects;
    this.#objects = { count: sum.count + items, bytes: sum.bytes + bytes, digest: sum.digest + digest };
  }

  get largeObjects(): ArchiveContents['largeObjects'] {
    return { ...this.#objects, digest: hexDigits(this.#objects.digest) };
  }
}

/** The table whose rows an entry announces. */
export function tableOf(entry: TocEntry): Pick<TableContents, 'schema' | 'name' | 'columns'> {
  return {
    schema: entry.schema,
    name: entry.tag,
    columns: readCopyStatement(entry.copyStatement)?.columns ?? null,
  };
}

export function sequencesOf(entries: readonly TocEntry[]): SequenceContents[] {
  return entries.flatMap((entry) => {
    const value = sequenceValueOf(entry);
    return value === null ? [] : [{ schema: entry.schema, name: entry.tag, value }];
  });
}

export function nameOf({ schema, tag }: Pick<TocEntry, 'schema' | 'tag'>): string {
  return schema === '' ? tag : `${schema}.${tag}`;
}

function hexDigits(digest: bigint): string {
  return BigInt.asUintN(64, digest).toString(16).padStart(16, '0');
}
