/** What every storage driver promises, as tests: each driver supplies a factory. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { PartialFile, StorageDriver } from './storage-driver.ts';

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
    expect(await driver.stat('manual/a.dump')).toEqual({ path: 'manual/a.dump', sizeBytes: 7 });
    expect(await textOf(await driver.open('manual/a.dump'))).toBe('content');
    expect(await driver.listPartials()).toEqual([]);
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

  it('lists partial files with their attempt and removes the one asked for', async () => {
    await write('manual/a.dump', 1, 'x');
    await write('scheduled/daily/b.dump.gz', 12, 'y');
    const partials = await driver.listPartials();
    expect(partials.sort((a, b) => a.attempt - b.attempt)).toEqual([
      { path: 'manual/a.dump', attempt: 1 },
      { path: 'scheduled/daily/b.dump.gz', attempt: 12 },
    ]);
    await driver.removePartial({ path: 'manual/a.dump', attempt: 1 });
    expect(await driver.listPartials()).toHaveLength(1);
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
