/** What every storage driver promises, as tests: each driver supplies a factory. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPieces } from './open-pieces.ts';
import type { PartialFile, StorageDriver } from './storage-driver.ts';

const never = new AbortController().signal;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** As pipelines bring them: of every size. */
function* inChunks(bytes: Buffer): Generator<Buffer> {
  for (let start = 0, size = 1; start < bytes.length; start += size, size = (size * 7) % 300_001) {
    yield bytes.subarray(start, start + size);
  }
}

async function sha256Of(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export function describeDriver(
  create: () => Promise<{ driver: StorageDriver; dispose: () => Promise<void> }>,
): void {
  let driver: StorageDriver;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ driver, dispose } = await create());
  });
  afterEach(async () => await dispose());

  const write = async (path: string, attempt: number, text: string): Promise<PartialFile> => {
    const partial = { path, attempt };
    await pipeline(Readable.from([Buffer.from(text)]), await driver.createPartial(partial));
    return partial;
  };

  it('shows nothing under the final name before it is published, and everything after', async () => {
    const partial = await write('manual/a.dump', 1, 'content');
    expect(await driver.stat('manual/a.dump')).toBeNull();
    expect(await textOf(await driver.openPartial(partial))).toBe('content');
    await driver.publishPartial(partial);
    await driver.removePartial(partial);
    const found = await driver.stat('manual/a.dump');
    expect(found).toMatchObject({ path: 'manual/a.dump', sizeBytes: 7, version: expect.stringMatching(/./) });
    expect(found?.modifiedAt.getTime()).toBeGreaterThan(Date.parse('2026-01-01'));
    expect(await textOf(await driver.open('manual/a.dump'))).toBe('content');
    expect(await driver.listPartials()).toEqual([]);
  });

  it.each([0, 1, 300_000, 8 * 1024 * 1024, 20_000_003])(
    'keeps every one of %d bytes, prepared beforehand or not',
    async (size) => {
      const bytes = randomBytes(size);
      for (const isPrepared of [false, true]) {
        const partial = { path: `manual/${isPrepared}.dump`, attempt: 3 };
        await pipeline(inChunks(bytes), await driver.createPartial(partial, size));
        expect(await sha256Of(await driver.openPartial(partial))).toBe(sha256(bytes));
        if (isPrepared) {
          let told = 0;
          await driver.preparePublish(partial, { signal: never, onBytes: (count) => (told += count) });
          expect(await driver.stat(partial.path)).toBeNull();
          expect([0, size]).toContain(told);
        }
        await driver.publishPartial(partial);
        await driver.removePartial(partial);
        expect(await sha256Of(await driver.open(partial.path))).toBe(sha256(bytes));
      }
      expect(await driver.listPartials()).toEqual([]);
    },
  );

  it.each([
    [{ start: 0, end: 0 }, '0'],
    [{ start: 2, end: 4 }, '234'],
    [{ start: 7 }, '789'],
    [{ start: 8, end: 99 }, '89'],
    [{ start: 10 }, ''],
    [{ start: 50, end: 60 }, ''],
  ])('reads the range %j', async (range, expected) => {
    await driver.publishPartial(await write('manual/a.dump', 1, '0123456789'));
    expect(await textOf(await driver.open('manual/a.dump', range))).toBe(expected);
  });

  it('lists every published file with size and time, and no partial one', async () => {
    await driver.publishPartial(await write('manual/a.dump', 1, 'four'));
    await driver.removePartial({ path: 'manual/a.dump', attempt: 1 });
    await driver.publishPartial(await write('scheduled/daily/b ü.dump.gz', 2, 'seventh'));
    const files: [string, number, number][] = [];
    for await (const { path, sizeBytes, modifiedAt } of driver.list()) {
      files.push([path, sizeBytes, modifiedAt.getUTCFullYear()]);
    }
    const year = new Date().getUTCFullYear();
    expect(files.sort(([, a], [, b]) => a - b)).toEqual([
      ['manual/a.dump', 4, year],
      ['scheduled/daily/b ü.dump.gz', 7, year],
    ]);
  });

  it('lets go of a file that is no longer read to its end', async () => {
    await driver.publishPartial(await write('manual/a.dump', 1, 'x'.repeat(1_000_000)));
    const stream = await driver.open('manual/a.dump');
    await once(stream, 'readable');
    stream.destroy();
    await once(stream, 'close');
    expect(stream.errored).toBeNull();
  });

  it('never replaces what has the name already', async () => {
    const first = await write('manual/a.dump', 1, 'first');
    const second = await write('manual/a.dump', 2, 'second');
    await driver.publishPartial(second);
    await expect(driver.publishPartial(first)).rejects.toMatchObject({ code: 'IN_USE' });
    expect(await textOf(await driver.open('manual/a.dump'))).toBe('second');
  });

  it('leaves nothing of what is removed, twice if need be, in the middle of writing too', async () => {
    const partial = { path: 'manual/a.dump', attempt: 1 };
    const writable = await driver.createPartial(partial);
    writable.write('half');
    writable.destroy();
    await once(writable, 'close');
    await driver.removePartial(partial);
    await driver.removePartial(partial);
    expect([await driver.listPartials(), await driver.stat('manual/a.dump')]).toEqual([[], null]);
  });

  it('leaves nothing of a large file whose writing breaks off', async () => {
    const partial = { path: 'manual/a.dump', attempt: 1 };
    const breaking = async function* (): AsyncGenerator<Buffer> {
      yield randomBytes(20_000_000);
      throw new Error('the source broke');
    };
    await expect(pipeline(breaking, await driver.createPartial(partial))).rejects.toThrow('the source broke');
    await driver.removePartial(partial);
    expect([await driver.listPartials(), await driver.stat('manual/a.dump')]).toEqual([[], null]);
  });

  it('lists partial files with their attempt and removes the one asked for', async () => {
    await write('manual/a.dump', 1, 'x');
    await write('scheduled/daily/b.dump.gz', 12, 'y');
    const partials = await driver.listPartials();
    expect(partials.sort((a, b) => a.attempt - b.attempt)).toEqual([
      { path: 'manual/a.dump', attempt: 1, sizeBytes: 1 },
      { path: 'scheduled/daily/b.dump.gz', attempt: 12, sizeBytes: 1 },
    ]);
    await driver.removePartial({ path: 'manual/a.dump', attempt: 1 });
    expect(await driver.listPartials()).toHaveLength(1);
  });

  it('tells of a partial file that is gone as a fault of the storage', async () => {
    const partial = await write('manual/a.dump', 1, 'content');
    await driver.removePartial(partial);
    const lost = { code: 'STORAGE_UNAVAILABLE', transient: true };
    await expect(driver.openPartial(partial)).rejects.toMatchObject(lost);
    await expect(driver.publishPartial(partial)).rejects.toMatchObject(lost);
    await expect(
      driver
        .preparePublish(partial, { signal: never, onBytes: () => undefined })
        .then(() => driver.publishPartial(partial)),
    ).rejects.toMatchObject(lost);
    expect(await driver.listPartials()).toEqual([]);
  });

  it.each([
    [{ start: 0, end: 0 }, 'c'],
    [{ start: 3, end: 6 }, 'tent'],
    [{ start: 2, end: 4 }, 'nte'],
  ])('reads the range %j, both ends included, as a stream and in pieces', async (range, text) => {
    await driver.publishPartial(await write('manual/a.dump', 1, 'content'));
    expect(await textOf(await driver.open('manual/a.dump', range))).toBe(text);
    const pieces = await openPieces(driver, 'manual/a.dump', range);
    expect(pieces.file.sizeBytes).toBe(7);
    expect(Buffer.from((await pieces.next()) ?? []).toString()).toBe(text);
    expect(await pieces.next()).toBeNull();
    await pieces.close();
  });

  it('gives another version to other content under the same name', async () => {
    const partial = await write('manual/a.dump', 1, 'content');
    await driver.publishPartial(partial);
    await driver.removePartial(partial);
    const before = await driver.stat('manual/a.dump');
    expect(await driver.stat('manual/a.dump')).toEqual(before);
    await driver.remove('manual/a.dump');
    await driver.publishPartial(await write('manual/a.dump', 2, 'CONTENT'));
    expect((await driver.stat('manual/a.dump'))?.version).not.toBe(before?.version);
  });

  it('finds nothing where nothing is, and removes it without a word', async () => {
    expect(await driver.stat('manual/none')).toBeNull();
    await driver.remove('manual/none');
    await expect(driver.open('manual/none')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  });

  it.each(['../escape', '/etc/passwd', 'manual/../../escape', 'a\0b', ''])(
    'refuses the path "%s"',
    async (path) => {
      await expect(driver.stat(path)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
      await expect(driver.createPartial({ path, attempt: 1 })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
      });
    },
  );
}
