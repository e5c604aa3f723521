import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArchiveInspector, type ArchiveContents } from './archive-inspector.ts';

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
};
const text = (value: string | null): Buffer =>
  value === null ? int(-1) : Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);

interface Entry {
  readonly id: number;
  readonly tag: string;
  readonly description: string;
  readonly hasData?: boolean;
  readonly definition?: string;
}

function head(entries: readonly Entry[], minor = 14): Buffer {
  const compression = minor >= 15 ? Buffer.from([0]) : int(0);
  const dates = Array.from({ length: 7 }, () => int(1));
  const toc = entries.map(({ id, tag, description, hasData = false, definition = '' }) =>
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
      text('COPY x FROM stdin;\n'),
      text('public'),
      text(''),
      ...(minor >= 14 ? [text('heap')] : []),
      ...(minor >= 16 ? [int(0x72)] : []),
      text('owner'),
      text('false'),
      text('7'),
      text(null),
      Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]),
  );
  return Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from([1, minor, 0, 4, 8, 1]),
    compression,
    ...dates,
    text('db'),
    text('15.1'),
    text('15.2'),
    int(entries.length),
    ...toc,
  ]);
}

const rowsBlock = (
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

const posts: Entry = { id: 3, tag: 'posts', description: 'TABLE DATA', hasData: true };

async function inspect(
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

const digestOf = async (rows: string): Promise<string | undefined> =>
  (await inspect(Buffer.concat([head([posts]), rowsBlock(3, rows)]))).tables[0]?.digest;

describe('ArchiveInspector', () => {
  it('counts rows and bytes and leaves the end mark out', async () => {
    const { tables } = await inspect(Buffer.concat([head([posts]), rowsBlock(3, '1\tone\n2\ttwo\n')]));
    expect(tables).toEqual([
      {
        schema: 'public',
        name: 'posts',
        rows: 2,
        bytes: 12,
        digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ]);
  });

  it.each([11, 12, 13, 15, 16])('reads archive version 1.%i', async (minor) => {
    const { tables, header } = await inspect(Buffer.concat([head([posts], minor), rowsBlock(3, 'a\n')]));
    expect([header.archiveVersion, tables[0]?.rows]).toEqual([`1.${minor}`, 1]);
  });

  it('gives the same whatever the order of rows', async () => {
    expect(await digestOf('1\tone\n2\ttwo\n3\tthree\n')).toBe(await digestOf('3\tthree\n1\tone\n2\ttwo\n'));
  });

  it.each([
    ['one byte', '1\tone\n', '1\tonf\n'],
    ['a byte moved to the next row', '1a\nb\n', '1\nab\n'],
    ['a row that stands twice', 'a\na\n', 'b\nb\n'],
    ['trailing zero bytes', 'a\n', 'a\0\n'],
    ['an empty row', 'a\n', 'a\n\n'],
  ])('differs by %s', async (_what, left, right) => {
    expect(await digestOf(left)).not.toBe(await digestOf(right));
  });

  it('gives the same however the dump and the pipe are cut', async () => {
    const row = fc.string({ unit: fc.constantFrom('a', 'ä', '\t', '\\N', '🦊', '.', '\\\\'), maxLength: 40 });
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 20 }),
        sizes,
        sizes,
        async (rows, chunkSizes, readSizes) => {
          const copyText = rows.map((line) => `${line}\n`).join('');
          const cut = (whole: Buffer): Buffer[] => {
            const chunks: Buffer[] = [];
            for (let at = 0, index = 0; at < whole.length; index += 1) {
              const size = chunkSizes[index % chunkSizes.length] as number;
              chunks.push(whole.subarray(at, at + size));
              at += size;
            }
            return chunks;
          };
          const entries = [posts, { ...posts, id: 4, tag: 'other' }];
          const plain = await inspect(
            Buffer.concat([head(entries), rowsBlock(3, copyText), rowsBlock(4, 'x\n')]),
          );
          const cutUp = await inspect(
            Buffer.concat([head(entries), rowsBlock(3, copyText, cut), rowsBlock(4, 'x\n')]),
            readSizes,
          );
          expect(cutUp.tables).toEqual(plain.tables);
          expect(plain.tables[0]?.rows).toBe(rows.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuses an archive that is cut short at any byte', async () => {
    const whole = Buffer.concat([
      head([posts, { ...posts, id: 4, tag: 'late' }]),
      rowsBlock(3, '1\tone\n'),
      rowsBlock(4, ''),
    ]);
    for (let length = 0; length < whole.length; length += 1) {
      await expect(inspect(whole.subarray(0, length))).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
    }
    expect((await inspect(whole)).tables).toHaveLength(2);
  });

  it.each([
    ['other first bytes', Buffer.from('GIF89a and more of it')],
    ['a block of no entry', Buffer.concat([head([]), rowsBlock(9, 'a\n')])],
    ['a block that comes twice', Buffer.concat([head([posts]), rowsBlock(3, ''), rowsBlock(3, '')])],
    ['a negative chunk length', Buffer.concat([head([posts]), Buffer.from([1]), int(3), int(-5)])],
    [
      'rows without their end mark',
      Buffer.concat([head([posts]), Buffer.from([1]), int(3), int(2), Buffer.from('a\n'), int(0)]),
    ],
    [
      'rows behind the end mark',
      Buffer.concat([head([posts]), Buffer.from([1]), int(3), int(5), Buffer.from('\\.\na\n'), int(0)]),
    ],
    ['an unknown kind of block', Buffer.concat([head([posts]), Buffer.from([7]), int(3)])],
    ['an impossible count of entries', Buffer.concat([head([]).subarray(0, -5), int(-1)])],
  ])('refuses %s', async (_what, archive) => {
    await expect(inspect(archive)).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
  });

  it('says so when the archive is compressed inside', async () => {
    const archive = head([]);
    archive.writeUInt32LE(6, 12);
    await expect(inspect(archive)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it('digests large objects and reads sequence values', async () => {
    const object = (oid: number, data: string): Buffer =>
      Buffer.concat([int(oid), int(data.length), Buffer.from(data), int(0)]);
    const entries = [
      { id: 5, tag: 'BLOBS', description: 'BLOBS', hasData: true },
      {
        id: 6,
        tag: 'posts_id_seq',
        description: 'SEQUENCE SET',
        definition: "SELECT pg_catalog.setval('public.posts_id_seq', 42, true);\n",
      },
    ];
    const archive = (...objects: Buffer[]): Buffer =>
      Buffer.concat([head(entries), Buffer.from([3]), int(5), ...objects, int(0)]);
    const found = await inspect(archive(object(1, 'one'), object(2, 'two')), [3]);
    const turned = await inspect(archive(object(2, 'two'), object(1, 'one')));
    expect(found.largeObjects).toEqual({ ...turned.largeObjects, count: 2, bytes: 6 });
    expect(found.sequences).toEqual([{ schema: 'public', name: 'posts_id_seq', value: '42, true' }]);
    expect((await inspect(archive(object(2, 'one'), object(1, 'two')))).largeObjects.digest).not.toBe(
      found.largeObjects.digest,
    );
  });
});
