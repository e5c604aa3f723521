/** Archives made byte by byte, for the tests beside this file; nothing is tested here. */
import type { DataLayout } from './archive-header.ts';
import { type ArchiveContents, ArchiveInspector } from './archive-inspector.ts';

export const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
};
const text = (value: string | null): Buffer =>
  value === null ? int(-1) : Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);

export interface Entry {
  readonly id: number;
  readonly tag: string;
  readonly description: string;
  readonly hasData?: boolean;
  readonly definition?: string;
  readonly copyStatement?: string;
  readonly dependencies?: readonly string[];
  /** In the formats tar and directory. */
  readonly fileName?: string;
}

export function head(entries: readonly Entry[], minor = 14, layout: DataLayout = 'custom'): Buffer {
  const compression = minor >= 15 ? Buffer.from([0]) : int(0);
  const date = [5, 4, 3, 2, 0, 125, 0].map(int);
  const toc = entries.map(({ id, tag, description, hasData = false, definition = '', ...rest }) =>
    Buffer.concat([
      int(id),
      int(hasData ? 1 : 0),
      text('1259'),
      text('16384'),
      text(tag),
      text(description),
      int(2),
      text(definition),
      text(''),
      text(rest.copyStatement ?? `COPY public."${tag}" (id, "Odd (name) FROM") FROM stdin;\n`),
      text('public'),
      text(''),
      ...(minor >= 14 ? [text('heap')] : []),
      ...(minor >= 16 ? [int(0x72)] : []),
      text('owner'),
      text('false'),
      ...(rest.dependencies ?? ['7']).map(text),
      text(null),
      layout === 'files' ? text(rest.fileName ?? '') : Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]),
  );
  return Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from([1, minor, 0, 4, 8, layout === 'files' ? 3 : 1]),
    compression,
    ...date,
    text('db'),
    text('15.1'),
    text('15.2'),
    int(entries.length),
    ...toc,
  ]);
}

export const rowsBlock = (
  id: number,
  copyText: string,
  cut: (text: Buffer) => Buffer[] = (whole) => [whole],
): Buffer => {
  const chunks = cut(Buffer.from(`${copyText}\\.\n\n\n`)).filter((chunk) => chunk.length > 0);
  return Buffer.concat([
    Buffer.from([1]),
    int(id),
    ...chunks.flatMap((chunk) => [int(chunk.length), chunk]),
    int(0),
  ]);
};

export type Objects = Readonly<Record<number, string>>;

export const objectsBlock = (
  id: number,
  objects: Objects,
  cut: (data: Buffer) => Buffer[] = (whole) => [whole],
): Buffer => {
  const object = ([oid, data]: [string, string]): Buffer =>
    Buffer.concat([
      int(Number(oid)),
      ...cut(Buffer.from(data)).flatMap((chunk) => (chunk.length === 0 ? [] : [int(chunk.length), chunk])),
      int(0),
    ]);
  return Buffer.concat([Buffer.from([3]), int(id), ...Object.entries(objects).map(object), int(0)]);
};

export const blobs: Entry = { id: 5, tag: 'BLOBS', description: 'BLOBS', hasData: true };
export const posts: Entry = { id: 3, tag: 'posts', description: 'TABLE DATA', hasData: true };

export async function inspect(
  archive: Buffer,
  sizes: readonly number[] = [archive.length],
): Promise<ArchiveContents> {
  const inspector = await ArchiveInspector.create();
  let at = 0;
  for (let index = 0; at < archive.length; index += 1) {
    const size = Math.max(1, sizes[index % sizes.length] as number);
    inspector.write(archive.subarray(at, at + size));
    at += size;
  }
  return inspector.end();
}
