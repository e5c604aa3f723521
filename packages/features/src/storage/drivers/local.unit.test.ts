import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { describeDriver } from '../driver-conformance.test.ts';
import { LocalStorage } from './local.ts';

const temporary = () => mkdtemp(path.join(tmpdir(), 'local-storage-'));

describe('LocalStorage', () => {
  describeDriver(async () => {
    const folder = await temporary();
    return { driver: new LocalStorage(folder), dispose: () => rm(folder, { recursive: true }) };
  });

  it('reads neither a link nor a folder that stands in place of a backup', async () => {
    const folder = await temporary();
    await writeFile(path.join(folder, 'real'), 'secret');
    await symlink(path.join(folder, 'real'), path.join(folder, 'link'));
    await mkdir(path.join(folder, 'dir'));
    const driver = new LocalStorage(folder);
    await expect(driver.open('link')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    await expect(driver.open('dir')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    expect([await driver.stat('link'), await driver.stat('dir')]).toEqual([null, null]);
    await rm(folder, { recursive: true });
  });

  it('says so when the folder can not be made', async () => {
    const folder = await temporary();
    await writeFile(path.join(folder, 'file'), '');
    const driver = new LocalStorage(path.join(folder, 'file', 'backups'));
    await expect(driver.createPartial({ path: 'a', attempt: 1 })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      transient: true,
    });
    await rm(folder, { recursive: true });
  });
});
