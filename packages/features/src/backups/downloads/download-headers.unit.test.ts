import { describe, expect, it } from '@jest/globals';
import { parse } from 'content-disposition';
import fc from 'fast-check';
import { downloadHead } from './download-headers.ts';

const backup = {
  id: 1,
  filename: 'forum_full.dump.zst',
  filePath: 'manual/forum_full.dump.zst',
  storageTarget: 'file:///backups',
  fileSize: 1000,
  checksumMd5: '00'.repeat(16),
  checksumSha256: 'ff'.repeat(32),
};

describe('downloadHead', () => {
  it('of a whole file and of a part gives the length of what is sent and the digest of the whole', () => {
    const digest = `sha-256=:${Buffer.alloc(32, 255).toString('base64')}:`;
    expect(downloadHead(backup, 'whole')).toMatchObject({
      status: 200,
      headers: { 'content-length': 1000, etag: `"${'ff'.repeat(32)}"`, 'repr-digest': digest },
    });
    expect(downloadHead(backup, { start: 10, end: 19 })).toMatchObject({
      status: 206,
      headers: { 'content-length': 10, 'content-range': 'bytes 10-19/1000', 'repr-digest': digest },
    });
    expect(downloadHead(backup, 'unsatisfiable')).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */1000' },
    });
  });

  it.each([
    ['a".sh"; filename="b', 'a".sh"; filename="b'],
    ['a\r\nX-Evil: 1', undefined],
    ['Grüße 世界.dump', 'Grüße 世界.dump'],
    ['100%.dump', '100%.dump'],
    ['a\\b', undefined],
    ['', undefined],
  ])('no file name breaks out of its place: %j', (filename, parsed) => {
    const header = String(downloadHead({ ...backup, filename }, 'whole').headers['content-disposition']);
    expect(header).toMatch(/^attachment[\x20-\x7e]*$/);
    if (parsed !== undefined) {
      expect(parse(header).parameters['filename']).toBe(parsed);
    }
  });

  it('is a header that HTTP can carry for any name at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (filename) => {
        const header = String(downloadHead({ ...backup, filename }, 'whole').headers['content-disposition']);
        expect(header).toMatch(/^attachment[\x20-\x7e\xa0-\xff]*$/);
        expect(Object.keys(parse(header).parameters).filter((name) => name !== 'filename')).toEqual([]);
        expect(parse(header).type).toBe('attachment');
      }),
    );
  });
});
