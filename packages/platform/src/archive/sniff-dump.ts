/** Tells from its first bytes whether a file is a dump of pg_dump, and else what it looks like. Pure. */
import type { BackupFormat } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type ArchiveHeader, type InnerCompression, readHeader } from './archive-header.ts';
import { ByteCursor, NeedMoreBytes } from './byte-cursor.ts';
import { decodeTarHeader, tarBlockBytes } from './tar-header.ts';

export interface SniffedDump {
  readonly format: BackupFormat;
  readonly innerCompression: InnerCompression;
  /** Empty where the head does not say. */
  readonly header: Pick<ArchiveHeader, 'databaseName' | 'serverVersion' | 'dumpVersion'>;
}

/** As much of a file as tells what it is. */
export const sniffedBytes = 256 * 1024;

/** @returns a phrase such as "a PNG image" where it is none */
export function sniffDump(head: Buffer): SniffedDump | string {
  if (head.length === 0) {
    return 'an empty file';
  }
  if (head.subarray(0, 5).toString('latin1') === 'PGDMP') {
    return sniffArchive(head, 'custom');
  }
  if (head.subarray(257, 262).toString('latin1') === 'ustar') {
    return sniffTar(head);
  }
  const known = signatures.find(({ bytes }) => head.subarray(0, bytes.length).equals(bytes));
  return known === undefined ? sniffText(head) : known.what;
}

const signatures: readonly { readonly bytes: Buffer; readonly what: string }[] = [
  ['89504e470d0a1a0a', 'a PNG image'],
  ['ffd8ff', 'a JPEG image'],
  ['47494638', 'a GIF image'],
  ['504b0304', 'a ZIP archive: unpack it first'],
  ['504b0506', 'an empty ZIP archive'],
  ['53514c69746520666f726d6174203300', 'an SQLite database, not a dump of PostgreSQL'],
  ['255044462d', 'a PDF document'],
  ['7f454c46', 'a program'],
  ['1f8b', 'compressed twice, or gzip inside another compression: undo one first'],
  ['28b52ffd', 'compressed twice, or zstd inside another compression: undo one first'],
  ['fd377a585a00', 'compressed with xz: undo that first, with unxz'],
  ['425a68', 'compressed with bzip2: undo that first, with bunzip2'],
  ['04224d18', 'compressed with lz4: undo that first, with lz4 -d'],
  ['377abcaf271c', 'a 7z archive: unpack it first'],
  ['6167652d656e6372797074696f6e2e6f7267', 'encrypted with age: decrypt it first, with age -d'],
  ['fffe', 'text in UTF-16, as the > of PowerShell writes it: make the dump with pg_dump --file instead'],
].map(([hex = '', what = '']) => ({ bytes: Buffer.from(hex, 'hex'), what }));

function sniffArchive(bytes: Buffer, layout: 'custom' | 'files'): SniffedDump | string {
  try {
    const { header, layout: entries } = readHeader(new ByteCursor(bytes, 0), layout);
    return { format: layout === 'custom' ? 'custom' : 'tar', innerCompression: entries.compression, header };
  } catch (error) {
    if (error instanceof NeedMoreBytes) {
      return 'the beginning of an archive of pg_dump, cut short';
    }
    if (error instanceof AppError) {
      return `an archive of pg_dump that can't be read. ${error.message}`;
    }
    throw error;
  }
}

/** pg_dump names this number as the owner of every file in a tar; what we pack from a directory has none. */
const ownerOfTar = '0004000';

function sniffTar(head: Buffer): SniffedDump | string {
  const member = decodeTarHeader(head.subarray(0, tarBlockBytes));
  if (typeof member === 'string' || member.name !== 'toc.dat') {
    const what =
      typeof member === 'string' ? member : `the first file in it is "${member.name.slice(0, 80)}"`;
    return `a tar, but not one that pg_dump made: ${what}`;
  }
  const sniffed = sniffArchive(head.subarray(tarBlockBytes), 'files');
  if (typeof sniffed === 'string') {
    return sniffed;
  }
  if (sniffed.innerCompression !== 'none') {
    return 'a directory dump with compressed files: make it again with --compress=0, or as custom format';
  }
  const isTar = head.subarray(108, 108 + ownerOfTar.length).toString('latin1') === ownerOfTar;
  return { ...sniffed, format: isTar ? 'tar' : 'directory' };
}

function sniffText(head: Buffer): SniffedDump | string {
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  if (text.startsWith('--\n-- PostgreSQL database dump\n--\n')) {
    const read = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';
    return {
      format: 'plain',
      innerCompression: 'none',
      header: {
        databaseName: '',
        serverVersion: read(/^-- Dumped from database version (.*)$/m),
        dumpVersion: read(/^-- Dumped by pg_dump version (.*)$/m),
      },
    };
  }
  const start = text.slice(0, 4096);
  return texts.find(([pattern]) => pattern.test(start))?.[1] ?? (isBinary(head) ? 'binary data' : 'text');
}

const texts: readonly (readonly [RegExp, string])[] = [
  [
    /^--\n-- PostgreSQL database cluster dump/,
    'a script of pg_dumpall, with several databases: dump each with pg_dump, and roles with includeGlobals',
  ],
  [
    /^--\r\n-- PostgreSQL database dump/,
    'a script of pg_dump whose line ends were changed to those of Windows: rows would differ',
  ],
  [/^-- (?:MySQL|MariaDB) dump/, 'a dump of MySQL, not of PostgreSQL'],
  [/^(?:\/\*!|\/\*M!)/, 'a dump of MySQL or MariaDB, not of PostgreSQL'],
  [/^\s*<(?:!doctype|html|\?xml)/i, 'a web page or XML'],
  [/^\s*[{[]/, 'JSON'],
  [/^PRAGMA foreign_keys/, 'a dump of SQLite, not of PostgreSQL'],
  [
    /^\s*(?:--|\/\*|(?:SET|BEGIN|CREATE|INSERT|DROP|ALTER|COPY|SELECT)\b)/i,
    'SQL, but not a script that pg_dump wrote (its first lines say so)',
  ],
];

function isBinary(head: Buffer): boolean {
  return head.subarray(0, 4096).includes(0) || head.subarray(0, 4096).toString('utf8').includes('\uFFFD');
}
