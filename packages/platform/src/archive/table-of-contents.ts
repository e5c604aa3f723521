/** One entry of an archive's table of contents, and what the inspector reads out of its statements. */
import type { EntryLayout } from './archive-header.ts';
import type { ByteCursor } from './byte-cursor.ts';

export interface TocEntry {
  readonly dumpId: number;
  readonly tag: string;
  /** The kind: TABLE, TABLE DATA, INDEX, ACL and so on. */
  readonly description: string;
  /** 1 none, 2 before the data, 3 data, 4 after the data. */
  readonly section: number;
  readonly schema: string;
  readonly owner: string;
  readonly definition: string;
  readonly copyStatement: string;
  /** Dump ids; some may not be in this archive. */
  readonly dependencies: readonly number[];
  /** True for TABLE DATA and BLOBS: a data block belongs to it. */
  readonly hasData: boolean;
  /** Of the catalogue table that the object stands in. */
  readonly tableOid: string;
  readonly objectOid: string;
  /** Of its data, in the formats tar and directory; empty elsewhere. */
  readonly fileName: string;
}

/** @throws NeedMoreBytes, AppError FILE_CORRUPTION */
export function readEntry(cursor: ByteCursor, { minorVersion, offsetBytes, layout }: EntryLayout): TocEntry {
  const dumpId = cursor.int();
  if (dumpId <= 0) {
    cursor.refuse(`an entry of the table of contents has the number ${dumpId}`);
  }
  const hasData = cursor.int() !== 0;
  const tableOid = text(cursor);
  const objectOid = text(cursor);
  const tag = text(cursor);
  const description = text(cursor);
  const section = cursor.int();
  const definition = text(cursor);
  text(cursor); // Drop statement.
  const copyStatement = text(cursor);
  const schema = text(cursor);
  text(cursor); // Tablespace.
  if (minorVersion >= 14) {
    text(cursor); // Table access method.
  }
  if (minorVersion >= 16) {
    cursor.int(); // Kind of relation.
  }
  const owner = text(cursor);
  text(cursor); // "false": with oids.
  const dependencies = readDependencies(cursor);
  const fileName = layout === 'files' ? text(cursor) : '';
  if (layout === 'custom') {
    cursor.take(1 + offsetBytes); // Where the data lies; unknown in an archive written to a pipe.
  }
  return {
    dumpId,
    tag,
    description,
    section,
    schema,
    owner,
    definition,
    copyStatement,
    dependencies,
    hasData,
    tableOid,
    objectOid,
    fileName,
  };
}

/** A missing text ends them. */
function readDependencies(cursor: ByteCursor): number[] {
  const dependencies: number[] = [];
  for (let next = cursor.string(); next !== null; next = cursor.string()) {
    if (!/^\d{1,10}$/.test(next)) {
      cursor.refuse('a dependency in the table of contents is not a number');
    }
    dependencies.push(Number(next));
  }
  return dependencies;
}

function text(cursor: ByteCursor): string {
  return cursor.string() ?? '';
}

/** The arguments of setval behind the sequence's name, for example "42, true"; null for what is no value of a sequence. */
export function sequenceValueOf({ description, definition }: TocEntry): string | null {
  const match = description === 'SEQUENCE SET' ? /, (-?\d+, (?:true|false))\);\s*$/.exec(definition) : null;
  return match?.[1] ?? null;
}
