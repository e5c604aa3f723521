import { describe, expect, it } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import fc from 'fast-check';
import { ArchiveInspector } from './archive-inspector.ts';
import { blobs, head, inspect, int, objectsBlock, posts, rowsBlock } from './synthetic-archive.test.ts';

describe('a damaged or hostile archive', () => {
  it('refuses an archive that is cut short at any byte', async () => {
    const whole = Buffer.concat([
      head([posts, { ...posts, id: 4, tag: 'late' }, blobs]),
      rowsBlock(3, '1\tone\n'),
      rowsBlock(4, ''),
      objectsBlock(5, { 9: 'object' }),
    ]);
    for (let length = 0; length < whole.length; length += 1) {
      await expect(inspect(whole.subarray(0, length))).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
    }
    expect((await inspect(whole)).tables).toHaveLength(2);
  });

  const cursed = (...parts: Buffer[]): Buffer => Buffer.concat([head([posts, blobs]), ...parts]);
  const rows = (...chunks: Buffer[]): Buffer => cursed(Buffer.from([1]), int(3), ...chunks);
  const start = head([posts, blobs]).length;
  it.each<[string, Buffer, RegExp]>([
    ['other first bytes', Buffer.from('GIF89a and more of it'), /offset 5: .*first bytes/],
    ['a block of no entry', cursed(rowsBlock(9, 'a\n')), new RegExp(`offset ${start}: no entry`)],
    [
      'a block that comes twice',
      cursed(rowsBlock(3, ''), rowsBlock(3, '')),
      /no entry that waits .* number 3/,
    ],
    ['a block with a negative number', cursed(Buffer.from([1]), int(-3)), /the number -3/],
    ['rows for large objects', cursed(rowsBlock(5, '')), /BLOBS, a BLOBS, has a block of rows/],
    [
      'large objects for rows',
      cursed(objectsBlock(3, {})),
      /public\.posts, a TABLE DATA, has a block of large/,
    ],
    [
      'an unknown kind of block',
      cursed(Buffer.from([7]), int(3)),
      new RegExp(`offset ${start}: 7 is no kind`),
    ],
    [
      'a negative length',
      rows(int(-5)),
      new RegExp(`offset ${start + 11}, in the data of public.posts: a length`),
    ],
    ['a length above 2^31', rows(Buffer.from([0, 0, 0, 0, 0x80])), /public\.posts: a length is impossible/],
    ['a negative length of an object', cursed(Buffer.from([3]), int(5), int(1), int(-2)), /BLOBS: a length/],
    ['rows without their end mark', rows(int(2), Buffer.from('a\n'), int(0)), /public\.posts: .* end mark/],
    ['a last row without its newline', rows(int(4), Buffer.from('a\n\\.'), int(0)), /end mark/],
    ['rows behind the end mark', rows(int(5), Buffer.from('\\.\na\n'), int(0)), /end mark/],
    [
      'more rows behind the end mark',
      rows(int(9), Buffer.from('\\.\na\nb\nc\n'), int(0)),
      new RegExp(`offset ${start + 16}, .* end mark`),
    ],
    [
      'a row behind the end mark, in two chunks',
      rows(int(4), Buffer.from('\\.\na'), int(5), Buffer.from('\nb\nc\n'), int(0)),
      new RegExp(`offset ${start + 21}, .* end mark`),
    ],
    ['text behind the end mark', rows(int(4), Buffer.from('\\.\na'), int(0)), /end mark/],
    ['a table whose block is missing', head([posts]), /cut short .*: the data of public\.posts is missing/],
    [
      'bytes behind the last block',
      cursed(rowsBlock(3, ''), objectsBlock(5, {}), Buffer.from([1])),
      /cut short/,
    ],
    ['a negative count of entries', Buffer.concat([head([]).subarray(0, -5), int(-1)]), /claims -1 entries/],
    [
      'a huge count of entries',
      Buffer.concat([head([]).subarray(0, -5), int(99_999_999)]),
      /99999999 entries/,
    ],
    ['an entry of number 0', head([{ ...posts, id: 0 }]), /has the number 0/],
    ['two entries of one number', head([posts, posts]), /two entries with data have the number 3/],
    ['a dependency that is no number', head([{ ...posts, dependencies: ['7x'] }]), /dependency/],
    ['a huge text', Buffer.concat([head([]).subarray(0, 51), int(0x7fffffff)]), /a text of 2147483647 bytes/],
  ])('refuses %s and says where', async (_what, archive, detail) => {
    const refusal = { code: 'FILE_CORRUPTION', message: expect.stringMatching(detail) };
    await expect(inspect(archive)).rejects.toMatchObject(refusal);
    await expect(inspect(archive, [1])).rejects.toMatchObject(refusal);
  });

  it('takes any bytes that are damaged without hanging or another kind of error', async () => {
    const whole = cursed(rowsBlock(3, '1\tone\n2\ttwo\n'), objectsBlock(5, { 7: 'seven' }));
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const archive = Buffer.from(whole);
        for (const [at, byte] of changes) {
          archive[at] = byte;
        }
        const outcome = await inspect(archive).catch((error: unknown) => error);
        expect(outcome instanceof Error ? outcome : null).toEqual(
          outcome instanceof Error ? expect.any(AppError) : null,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('keeps refusing once it has refused', async () => {
    const inspector = await ArchiveInspector.create();
    expect(() => inspector.write(rows(int(-5)))).toThrow(AppError);
    expect(() => inspector.write(rowsBlock(3, ''))).toThrow('a length is impossible');
    expect(() => inspector.end()).toThrow('a length is impossible');
  });
});
