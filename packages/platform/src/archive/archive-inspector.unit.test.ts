import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArchiveInspector } from './archive-inspector.ts';
import {
  blobs,
  head,
  inspect,
  int,
  type Objects,
  objectsBlock,
  posts,
  rowsBlock,
} from './synthetic-archive.test.ts';

const digestOf = async (rows: string): Promise<string | undefined> =>
  (await inspect(Buffer.concat([head([posts]), rowsBlock(3, rows)]))).tables[0]?.digest;

describe('ArchiveInspector', () => {
  it('counts rows and bytes and leaves the end mark out', async () => {
    const { tables } = await inspect(Buffer.concat([head([posts]), rowsBlock(3, '1\tone\n2\ttwo\n')]));
    expect(tables).toEqual([
      {
        schema: 'public',
        name: 'posts',
        columns: 'id, "Odd (name) FROM"',
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

  it('gives the same for large objects however they are cut', async () => {
    const whole = async (cut: (data: Buffer) => Buffer[], readSizes?: readonly number[]) =>
      (
        await inspect(
          Buffer.concat([head([blobs]), objectsBlock(5, { 1: 'a longer object', 2: '' }, cut)]),
          readSizes,
        )
      ).largeObjects;
    const expected = await whole((data) => [data]);
    expect(expected).toMatchObject({ count: 2, bytes: 15 });
    for (let size = 1; size < 12; size += 1) {
      const pieces = (data: Buffer): Buffer[] =>
        Array.from({ length: Math.ceil(data.length / size) }, (_, n) =>
          data.subarray(n * size, (n + 1) * size),
        );
      expect(await whole(pieces, [size, 3])).toEqual(expected);
    }
  });

  it.each([
    [14, 11, int(6)],
    [14, 11, int(-1)],
    [15, 11, Buffer.from([3])],
  ])('says so when an archive of version 1.%i is compressed inside', async (minor, at, compression) => {
    const archive = head([], minor);
    compression.copy(archive, at);
    await expect(inspect(archive)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it('says so when rows are INSERT statements', async () => {
    const archive = Buffer.concat([head([{ ...posts, copyStatement: '' }]), rowsBlock(3, '')]);
    await expect(inspect(archive)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it.each([10, 17])('says so when it does not know archive version 1.%i', async (minor) => {
    await expect(inspect(head([], minor))).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it('knows the header and the entries as soon as they have passed, and the table that is passing', async () => {
    const inspector = await ArchiveInspector.create();
    const start = head([{ ...posts, dependencies: ['7', '12'] }]);
    inspector.write(start.subarray(0, -1));
    expect(inspector.header).toEqual({
      archiveVersion: '1.14',
      createdAt: '2025-01-02T03:04:05',
      databaseName: 'db',
      serverVersion: '15.1',
      dumpVersion: '15.2',
    });
    expect(inspector.entries).toBeNull();
    inspector.write(start.subarray(-1));
    expect(inspector.entries).toEqual([
      expect.objectContaining({
        dumpId: 3,
        section: 2,
        dependencies: [7, 12],
        tableOid: '1259',
        owner: 'owner',
      }),
    ]);
    const data = rowsBlock(3, 'a\n');
    inspector.write(data.subarray(0, 8));
    expect([inspector.currentTable, inspector.bytesRead]).toEqual(['public.posts', start.length + 8]);
    inspector.write(data.subarray(8));
    expect(inspector.currentTable).toBeNull();
    expect(inspector.end().bytes).toBe(start.length + data.length);
  });

  it('does not need the buffer of a chunk any longer once it has written it', async () => {
    const archive = Buffer.concat([head([posts]), rowsBlock(3, '1\tone\n')]);
    const inspector = await ArchiveInspector.create();
    const reused = Buffer.alloc(10);
    for (let at = 0; at < archive.length; at += reused.length) {
      const size = archive.copy(reused, 0, at);
      inspector.write(reused.subarray(0, size));
      reused.fill(0xff);
    }
    expect(inspector.end()).toEqual(await inspect(archive));
  });

  // The time limit is the point: read anew with every piece, the entry would cost its square.
  it('reads an entry of several megabytes that comes in small pieces', async () => {
    const definition = 'x'.repeat(1_000_000);
    const dependencies = Array.from({ length: 300_000 }, (_, index) => String(index + 1));
    const archive = head([{ id: 3, tag: 'big', description: 'FUNCTION', definition, dependencies }]);
    const [entry] = (await inspect(archive, [4_096])).entries;
    expect([entry?.definition.length, entry?.dependencies.length]).toEqual([1_000_000, 300_000]);
  }, 5_000);

  it('digests large objects of several blocks and reads sequence values', async () => {
    const sequence = {
      id: 6,
      tag: 'posts_id_seq',
      description: 'SEQUENCE SET',
      definition: "SELECT pg_catalog.setval('public.posts_id_seq', 42, true);\n",
    };
    const archive = (first: Objects, second: Objects): Buffer =>
      Buffer.concat([
        head([blobs, sequence, { ...blobs, id: 8 }]),
        objectsBlock(5, first),
        objectsBlock(8, second),
      ]);
    const found = await inspect(archive({ 1: 'one', 2: 'two' }, { 3: 'three' }), [3]);
    const turned = await inspect(archive({ 3: 'three' }, { 2: 'two', 1: 'one' }));
    expect(found.largeObjects).toEqual({ ...turned.largeObjects, count: 3, bytes: 11 });
    expect(found.sequences).toEqual([{ schema: 'public', name: 'posts_id_seq', value: '42, true' }]);
    const swapped = await inspect(archive({ 2: 'one', 1: 'two' }, { 3: 'three' }));
    expect(swapped.largeObjects.digest).not.toBe(found.largeObjects.digest);
  });

  it('reads objects whose oid pg_dump writes as a negative number', async () => {
    const oid = (value: number): Buffer => Buffer.concat([int(value), int(1), Buffer.from('x'), int(0)]);
    const archive = (value: number): Buffer =>
      Buffer.concat([head([blobs]), Buffer.from([3]), int(5), oid(value), int(0)]);
    const high = (await inspect(archive(-5))).largeObjects;
    expect(high).toMatchObject({ count: 1, bytes: 1 });
    expect((await inspect(archive(5))).largeObjects.digest).not.toBe(high.digest);
  });
});
