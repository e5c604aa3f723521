/** The head of a custom-format archive: header and table of contents, versions 1.11 (PostgreSQL 9.0) to 1.16 (PostgreSQL 18). */
import { AppError } from '@holdfast/contracts/errors';
import { type ByteCursor, NeedMoreBytes } from './byte-cursor.ts';

export interface ArchiveHeader {
  /** For example "1.14". */
  readonly archiveVersion: string;
  readonly serverVersion: string;
  readonly dumpVersion: string;
  readonly databaseName: string;
  /** Bytes of a data offset in entries. */
  readonly offsetBytes: number;
  readonly minorVersion: number;
}

export interface TocEntry {
  readonly dumpId: number;
  readonly tag: string;
  readonly description: string;
  readonly schema: string;
  readonly owner: string;
  readonly definition: string;
  readonly copyStatement: string;
  /** True for TABLE DATA and BLOBS: a data block belongs to it. */
  readonly hasData: boolean;
}

export interface ArchiveHead {
  readonly header: ArchiveHeader;
  readonly entries: readonly TocEntry[];
}

const customFormat = 1;
const oldestMinor = 11;
const newestMinor = 16;
const maxEntries = 10_000_000;

/** @throws NeedMoreBytes, AppError FILE_CORRUPTION, or INVALID_CONFIG for archives that Holdfast does not read */
export function readHead(cursor: ByteCursor): ArchiveHead {
  const header = readHeader(cursor);
  const count = cursor.int();
  if (count < 0 || count > maxEntries) {
    throw new AppError('FILE_CORRUPTION', `The archive claims ${count} entries.`);
  }
  const entries: TocEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    entries.push(readEntry(cursor, header));
  }
  return { header, entries };
}

function readHeader(cursor: ByteCursor): ArchiveHeader {
  if (cursor.take(5).toString('latin1') !== 'PGDMP') {
    throw new AppError(
      'FILE_CORRUPTION',
      'This is not a custom-format archive of pg_dump: its first bytes are others.',
    );
  }
  const major = cursor.byte();
  const minor = cursor.byte();
  const revision = cursor.byte();
  if (major !== 1 || minor < oldestMinor || minor > newestMinor) {
    throw new AppError(
      'INVALID_CONFIG',
      `Archives of version ${major}.${minor}-${revision} are not supported; 1.${oldestMinor} to 1.${newestMinor} are.`,
    );
  }
  cursor.intBytes = cursor.byte();
  const offsetBytes = cursor.byte();
  const format = cursor.byte();
  if (cursor.intBytes !== 4 || offsetBytes < 1 || offsetBytes > 8 || format !== customFormat) {
    throw new AppError('FILE_CORRUPTION', 'The header of the archive is damaged.');
  }
  const compression = minor >= 15 ? cursor.byte() : cursor.int();
  if (compression !== 0) {
    throw new AppError('INVALID_CONFIG', 'The archive is compressed inside; Holdfast compresses around it.');
  }
  for (let field = 0; field < 7; field += 1) {
    cursor.int(); // The date, in the local time of wherever it was made.
  }
  return {
    archiveVersion: `${major}.${minor}`,
    databaseName: cursor.string() ?? '',
    serverVersion: cursor.string() ?? '',
    dumpVersion: cursor.string() ?? '',
    offsetBytes,
    minorVersion: minor,
  };
}

function readEntry(cursor: ByteCursor, { minorVersion, offsetBytes }: ArchiveHeader): TocEntry {
  const dumpId = cursor.int();
  const hasData = cursor.int() !== 0;
  cursor.string(); // Oid of the catalogue table.
  cursor.string(); // Oid of the object.
  const tag = cursor.string() ?? '';
  const description = cursor.string() ?? '';
  cursor.int(); // Section.
  const definition = cursor.string() ?? '';
  cursor.string(); // Drop statement.
  const copyStatement = cursor.string() ?? '';
  const schema = cursor.string() ?? '';
  cursor.string(); // Tablespace.
  if (minorVersion >= 14) {
    cursor.string(); // Table access method.
  }
  if (minorVersion >= 16) {
    cursor.int(); // Kind of relation.
  }
  const owner = cursor.string() ?? '';
  cursor.string(); // "false": with oids.
  while (cursor.string() !== null) {
    // Dependencies, ended by a missing text.
  }
  cursor.take(1 + offsetBytes); // Where the data lies; unknown in an archive written to a pipe.
  return { dumpId, tag, description, schema, owner, definition, copyStatement, hasData };
}

export function isIncomplete(error: unknown): error is NeedMoreBytes {
  return error instanceof NeedMoreBytes;
}
