/** What every storage driver promises, as tests: each driver supplies a factory. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { StorageDriver, StorageUpload } from './storage-driver.ts';

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

  const upload = async (path: string, attempt: number, text: string): Promise<StorageUpload> => {
    const made = await driver.createUpload(path, attempt);
    await pipeline(Readable.from([Buffer.from(text)]), made.writable);
    await made.flush();
    return made;
  };

  it('shows nothing under the final name before it is published, and everything after', async () => {
    const made = await upload('manual/a.dump', 1, 'content');
    expect(await driver.stat('manual/a.dump')).toBeNull();
    expect(await textOf(made.reread())).toBe('content');
    await made.publish();
    await made.discard();
    expect(await driver.stat('manual/a.dump')).toEqual({ path: 'manual/a.dump', sizeBytes: 7 });
    expect(await textOf(await driver.open('manual/a.dump'))).toBe('content');
    expect(await driver.listPartials()).toEqual([]);
  });

  it('never replaces what has the name already', async () => {
    const first = await upload('manual/a.dump', 1, 'first');
    const second = await upload('manual/a.dump', 2, 'second');
    await second.publish();
    await expect(first.publish()).rejects.toMatchObject({ code: 'IN_USE' });
    await Promise.all([first.discard(), second.discard()]);
    expect(await textOf(await driver.open('manual/a.dump'))).toBe('second');
  });

  it('leaves nothing of what is discarded, twice if need be, in the middle of writing too', async () => {
    const made = await driver.createUpload('manual/a.dump', 1);
    made.writable.write('half');
    await made.discard();
    await made.discard();
    expect([await driver.listPartials(), await driver.stat('manual/a.dump')]).toEqual([[], null]);
  });

  it('lists partial files with their attempt and removes the one asked for', async () => {
    const made = [await upload('manual/a.dump', 1, 'x'), await upload('scheduled/daily/b.dump.gz', 12, 'y')];
    const partials = await driver.listPartials();
    expect(partials.sort((a, b) => a.attempt - b.attempt)).toEqual([
      { path: 'manual/a.dump', attempt: 1 },
      { path: 'scheduled/daily/b.dump.gz', attempt: 12 },
    ]);
    await driver.removePartial({ path: 'manual/a.dump', attempt: 1 });
    expect(await driver.listPartials()).toHaveLength(1);
    await Promise.all(made.map((one) => one.discard()));
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
      await expect(driver.createUpload(path, 1)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    },
  );
}
