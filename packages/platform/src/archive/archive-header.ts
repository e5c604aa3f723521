/** The header of an archive or of a `toc.dat`, versions 1.11 (PostgreSQL 8.4) to 1.16 (PostgreSQL 18). */
import { AppError } from '@holdfast/contracts/errors';
import type { ByteCursor } from './byte-cursor.ts';

/** What a plain script does not say is empty. */
export interface ArchiveHeader {
  /** For example "1.14"; "plain" for a script, which has no versions. */
  readonly archiveVersion: string;
  readonly serverVersion: string;
  readonly dumpVersion: string;
  readonly databaseName: string;
  /** In the local time of wherever it was made: the archive does not say which zone that was. */
  readonly createdAt: string;
}

/** What the entries behind a header look like. */
export interface EntryLayout {
  readonly minorVersion: number;
  /** Of a data offset. */
  readonly offsetBytes: number;
  readonly layout: DataLayout;
  /** How the data inside is compressed; what Holdfast stores is not. */
  readonly compression: InnerCompression;
}

export type InnerCompression = 'none' | 'gzip' | 'lz4' | 'zstd';

/** Where the data of entries lies: behind the table of contents, or in files beside it (tar and directory, which call themselves tar). */
export type DataLayout = 'custom' | 'files';

const formatCodes: Readonly<Record<DataLayout, number>> = { custom: 1, files: 3 };
const oldestMinor = 11;
const newestMinor = 16;

/** @throws NeedMoreBytes, AppError FILE_CORRUPTION, or INVALID_CONFIG for archives that Holdfast does not read */
export function readHeader(
  cursor: ByteCursor,
  layout: DataLayout,
): { header: ArchiveHeader; layout: EntryLayout } {
  if (cursor.take(5).toString('latin1') !== 'PGDMP') {
    const what = layout === 'custom' ? 'a custom-format archive' : 'a table of contents';
    cursor.refuse(`this is not ${what} of pg_dump, its first bytes are others`);
  }
  const major = cursor.byte();
  const minorVersion = cursor.byte();
  cursor.byte(); // Revision: never changes what is in the archive.
  const archiveVersion = `${major}.${minorVersion}`;
  if (major !== 1 || minorVersion < oldestMinor || minorVersion > newestMinor) {
    throw new AppError(
      'INVALID_CONFIG',
      `Archives of version ${archiveVersion} are not supported; 1.${oldestMinor} to 1.${newestMinor} are.`,
    );
  }
  const intBytes = cursor.byte();
  const offsetBytes = cursor.byte();
  const format = cursor.byte();
  if (intBytes !== 4 || offsetBytes < 1 || offsetBytes > 8 || format !== formatCodes[layout]) {
    cursor.refuse('the header has impossible sizes, or is of another format');
  }
  const compression = readCompression(cursor, minorVersion);
  const header = {
    archiveVersion,
    createdAt: readDate(cursor),
    databaseName: cursor.string() ?? '',
    serverVersion: cursor.string() ?? '',
    dumpVersion: cursor.string() ?? '',
  };
  return { header, layout: { minorVersion, offsetBytes, layout, compression } };
}

/** Before version 1.15 zlib's level alone, where -1 is its default. */
function readCompression(cursor: ByteCursor, minorVersion: number): InnerCompression {
  if (minorVersion < 15) {
    return cursor.int() === 0 ? 'none' : 'gzip';
  }
  const algorithm = cursor.byte();
  return algorithms[algorithm] ?? cursor.refuse(`${algorithm} is no kind of compression`);
}

const algorithms: readonly InnerCompression[] = ['none', 'gzip', 'lz4', 'zstd'];

function readDate(cursor: ByteCursor): string {
  const [second, minute, hour, day, month, year] = Array.from({ length: 6 }, () => cursor.int()) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  cursor.int(); // Daylight saving time or not.
  const date = [String(year + 1900).padStart(4, '0'), ...[month + 1, day].map(twoDigits)].join('-');
  return `${date}T${[hour, minute, second].map(twoDigits).join(':')}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
