import { describe, expect, it } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import fc from 'fast-check';
import type { ArchiveContents } from './contents.ts';
import { createInspector } from './create-inspector.ts';
import { type Entry, head } from './synthetic-archive.test.ts';
import { encodeTarHeader } from './tar-header.ts';

const file = (name: string, data: string | Buffer, sizeBytes = Buffer.byteLength(data)): Buffer => {
  const content = Buffer.from(data as string);
  return Buffer.concat([
    encodeTarHeader({ name, sizeBytes }),
    content,
    Buffer.alloc((512 - (content.length % 512)) % 512),
  ]);
};

/** A header with other bytes at a place, its checksum right again. */
const forged = (name: string, at: number, bytes: string): Buffer => {
  const header = encodeTarHeader({ name, sizeBytes: 0 });
  header.write(bytes, at, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
};

const end = Buffer.alloc(1024);
const posts: Entry = { id: 3, tag: 'posts', description: 'TABLE DATA', hasData: true, fileName: '3.dat' };
const blobs: Entry = { id: 5, tag: 'BLOBS', description: 'BLOBS', hasData: true, fileName: 'blobs.toc' };
const toc = (entries: readonly Entry[] = [posts, blobs]): Buffer =>
  file('toc.dat', head(entries, 14, 'files'));
const rows = file('3.dat', '1\tone\n\\.\n\n\n');
const object = file('blob_7.dat', 'seven');
const list = file('blobs.toc', '7 blob_7.dat\n');
const whole = Buffer.concat([toc(), rows, object, list, end]);

async function inspect(archive: Buffer, pieceBytes = archive.length): Promise<ArchiveContents> {
  const inspector = await createInspector('directory');
  for (let at = 0; at < archive.length; at += pieceBytes) {
    inspector.write(archive.subarray(at, at + pieceBytes));
  }
  return inspector.end();
}

describe('a damaged or hostile tar', () => {
  it('is read where it is whole, in pieces of any size', async () => {
    for (const pieceBytes of [1, 100, 512, 513, whole.length]) {
      expect(await inspect(whole, pieceBytes)).toMatchObject({
        tables: [{ name: 'posts', rows: 1, bytes: 6 }],
        largeObjects: { count: 1, bytes: 5 },
        bytes: whole.length,
      });
    }
  });

  const at = (...before: Buffer[]): number => Buffer.concat(before).length;
  it.each<[string, Buffer, RegExp]>([
    ['no table of contents', end, /offset 1024: the table of contents is missing/],
    ['a file before the table of contents', Buffer.concat([rows, toc(), end]), /"3\.dat" comes before/],
    ['a second table of contents', Buffer.concat([toc(), toc(), end]), /has a file "toc\.dat"/],
    [
      'bytes behind the entries',
      file('toc.dat', Buffer.concat([head([], 14, 'files'), end])),
      /behind the table of contents/,
    ],
    [
      'a table of contents that stops early',
      Buffer.concat([file('toc.dat', head([posts], 14, 'files').subarray(0, -9)), end]),
      /contents is cut short/,
    ],
    ['the header of another format', file('toc.dat', head([], 14)), /of another format/],
    [
      'rows that are missing',
      Buffer.concat([toc(), object, list, end]),
      /the data of public\.posts is missing/,
    ],
    [
      'rows that come twice',
      Buffer.concat([toc(), rows, rows]),
      new RegExp(`offset ${at(toc(), rows) + 512}: .*"3\\.dat"`),
    ],
    [
      'rows without their end mark',
      Buffer.concat([toc(), file('3.dat', '1\tone\n')]),
      /public\.posts do not end/,
    ],
    [
      'rows behind the end mark',
      Buffer.concat([toc(), file('3.dat', '\\.\n1\tone\n')]),
      new RegExp(`offset ${at(toc()) + 512 + 9}: .*public\\.posts do not end`),
    ],
    [
      'objects without their list',
      Buffer.concat([toc([posts]), rows, object, end]),
      /list of large objects is missing/,
    ],
    [
      'a list of other objects',
      Buffer.concat([toc(), rows, object, file('blobs.toc', '8 blob_8.dat\n')]),
      /does not list/,
    ],
    ['a list that is missing', Buffer.concat([toc(), rows, end]), /the data of public\.BLOBS is missing/],
    [
      'an object of an impossible number',
      Buffer.concat([toc(), file('blob_4294967296.dat', 'x')]),
      /has a file "blob_4294967296\.dat"/,
    ],
    [
      'a file of nobody',
      Buffer.concat([toc(), file('../../etc/passwd', 'x')]),
      /has a file "\.\.\/\.\.\/etc\/passwd"/,
    ],
    [
      'a script, which only the format tar has',
      Buffer.concat([toc(), file('restore.sql', '')]),
      /has a file "restore\.sql"/,
    ],
    ['a symbolic link', Buffer.concat([toc(), forged('3.dat', 156, '2')]), /"3\.dat" is a symbolic link/],
    ['a folder', Buffer.concat([toc(), forged('3.dat', 156, '5')]), /is a folder/],
    [
      'a header of the kind that makes names longer',
      Buffer.concat([toc(), forged('x', 156, 'L')]),
      /of the kind "L"/,
    ],
    [
      'a prefix of the name',
      Buffer.concat([toc(), forged('3.dat', 345, '/etc')]),
      /a name is empty or longer/,
    ],
    [
      'a size that is no number',
      Buffer.concat([toc(), forged('3.dat', 124, '12x')]),
      /the size of "3\.dat" is no number/,
    ],
    [
      'a size beyond all numbers',
      Buffer.concat([toc(), forged('3.dat', 124, '\x80\xff\xff\xff')]),
      /the size of "3\.dat" is no number/,
    ],
    [
      'a size of nine exabytes',
      Buffer.concat([toc(), file('3.dat', 'a\n', 2 ** 53 - 1), end]),
      /public\.posts do not end|cut short/,
    ],
    [
      'a wrong checksum',
      Buffer.concat([toc(), Buffer.from(rows).fill('9', 0, 1)]),
      new RegExp(`offset ${at(toc())}: the checksum`),
    ],
    [
      'something in the padding',
      Buffer.concat([toc(), Buffer.from(rows).fill('9', 1023), end]),
      new RegExp(`offset ${at(toc()) + 1023}: something stands behind`),
    ],
    [
      'a file behind the end mark',
      Buffer.concat([whole, rows]),
      new RegExp(`offset ${whole.length}: something stands behind the end mark`),
    ],
    ['an end mark of one block', whole.subarray(0, -512), /cut short/],
    ['two entries of one file', toc([posts, { ...posts, id: 4 }]), /two entries have the file "3\.dat"/],
    ['something else altogether', Buffer.concat([Buffer.from('GIF89a'), end]), /offset 0: the checksum/],
  ])('with %s is refused with the place', async (_what, archive, detail) => {
    const refusal = { code: 'FILE_CORRUPTION', message: expect.stringMatching(detail) };
    await expect(inspect(archive)).rejects.toMatchObject(refusal);
    await expect(inspect(archive, 1)).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
  });

  it('with any bytes damaged neither hangs nor fails in another way', async () => {
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const archive = Buffer.from(whole);
        for (const [place, byte] of changes) {
          archive[place] = byte;
        }
        const outcome = await inspect(archive).catch((error: unknown) => error);
        expect(outcome instanceof Error && !(outcome instanceof AppError)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('takes files of more than 8 GiB, and oids above 2^31', async () => {
    const large = encodeTarHeader({ name: '3.dat', sizeBytes: 2 ** 35 + 5 });
    const inspector = await createInspector('directory');
    inspector.write(Buffer.concat([toc(), large, Buffer.from('1\n')]));
    expect(inspector.currentTable).toBe('public.posts');
    expect(() => inspector.end()).toThrow(/cut short .*"3\.dat"/);
    const high = Buffer.concat([
      toc([blobs]),
      file('blob_4294967295.dat', 'x'),
      file('blobs.toc', '4294967295 blob_4294967295.dat\n'),
      end,
    ]);
    expect((await inspect(high)).largeObjects).toMatchObject({ count: 1, bytes: 1 });
  });
});
