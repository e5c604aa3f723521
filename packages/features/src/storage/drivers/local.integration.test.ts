/** The local driver on disks and in folders that are not as they should be; root is needed to mount them. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCommand } from '@holdfast/platform/process/run-command';
import { itAsRoot } from '@holdfast/testkit/as-root';
import { LocalStorage } from './local.ts';

describe('LocalStorage', () => {
  let folder: string;
  let root: string;
  let driver: LocalStorage;
  const mounted: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'local-faults-'));
    root = path.join(folder, 'backups');
    driver = new LocalStorage(root);
  });
  afterEach(async () => {
    for (const point of mounted.splice(0)) {
      await runCommand('umount', [point]);
    }
    await rm(folder, { recursive: true, force: true });
  });

  const write = async (file: string): Promise<void> => {
    const partial = { path: file, attempt: 1 };
    await pipeline(Readable.from([Buffer.from('content')]), await driver.createPartial(partial));
    await driver.publishPartial(partial);
    await driver.removePartial(partial);
  };
  const listed = async (): Promise<string[]> => {
    const paths: string[] = [];
    for await (const file of driver.list()) {
      paths.push(file.path);
    }
    return paths;
  };
  const mount = async (args: string[], point: string): Promise<void> => {
    await runCommand('mount', [...args, point]);
    mounted.push(point);
  };

  itAsRoot('says PERMISSION_DENIED on a file system that is mounted for reading only', async () => {
    await mkdir(root);
    await mount(['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs'], root);
    await expect(driver.createPartial({ path: 'manual/a', attempt: 1 })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      transient: false,
      remediation: expect.stringContaining('mount its file system for writing'),
    });
  });

  itAsRoot('says PERMISSION_DENIED in a folder that its user may not write', async () => {
    await mkdir(root, { mode: 0o755 });
    await chmod(folder, 0o755);
    // Root may write anywhere, so the driver is asked as somebody else.
    const script = `import { LocalStorage } from ${JSON.stringify(path.join(import.meta.dirname, 'local.ts'))};
      await new LocalStorage(${JSON.stringify(root)}).createPartial({ path: 'a', attempt: 1 }).catch((error) => console.log(error.code));`;
    const { stdout } = spawnSync(
      process.execPath,
      ['--conditions=source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
      { uid: 65_534, gid: 65_534, encoding: 'utf8' },
    );
    expect(stdout.trim()).toBe('PERMISSION_DENIED');
  });

  itAsRoot('says INSUFFICIENT_SPACE on a full disk, and how much was free before', async () => {
    await mkdir(root);
    await mount(['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs'], root);
    expect(await driver.freeBytes()).toBe(1024 * 1024);
    const writing = pipeline(
      Readable.from([Buffer.alloc(2_000_000)]),
      await driver.createPartial({ path: 'a', attempt: 1 }),
    );
    await expect(writing).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' });
  });

  // Another process' memory answers EIO as a broken disk does. A device-mapper error target would need a kernel module.
  itAsRoot('says STORAGE_UNAVAILABLE where the disk answers with an input/output error', async () => {
    await write('manual/a');
    await mount(['--bind', `/proc/${process.ppid}/mem`], path.join(root, 'manual/a'));
    await expect(driver.open('manual/a').then(buffer)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('EIO'),
    });
  });

  it('says STORAGE_UNAVAILABLE where the folder goes away while a backup is written', async () => {
    const partial = { path: 'manual/a', attempt: 1 };
    const writable = await driver.createPartial(partial);
    await rm(root, { recursive: true });
    await pipeline(Readable.from([Buffer.from('content')]), writable);
    await expect(driver.openPartial(partial)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(driver.publishPartial(partial)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await driver.removePartial(partial);
  });

  it('names the free space of where its folder will be made, and lists nothing there', async () => {
    expect(await driver.freeBytes()).toBeGreaterThan(0);
    expect(await driver.listPartials()).toEqual([]);
    expect(await listed()).toEqual([]);
    expect(await driver.stat('manual/a')).toBeNull();
  });

  it('finds no backup in a link, a folder or a pipe that stands in its place', async () => {
    await write('manual/real');
    await symlink(path.join(root, 'manual/real'), path.join(root, 'manual/link'));
    await mkdir(path.join(root, 'manual/folder'));
    await runCommand('mkfifo', [path.join(root, 'manual/pipe')]);
    for (const name of ['link', 'folder', 'pipe']) {
      await expect(driver.open(`manual/${name}`)).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
      expect(await driver.stat(`manual/${name}`)).toBeNull();
    }
    expect(await listed()).toEqual(['manual/real']);
  });

  it('goes through no folder that is a link out of the root, to read, write or remove', async () => {
    const outside = path.join(folder, 'outside');
    await mkdir(outside);
    await mkdir(root);
    await writeFile(path.join(outside, 'passwd'), 'secret');
    await symlink(outside, path.join(root, 'manual'));
    const refused = { code: 'INVALID_CONFIG' };
    await expect(driver.open('manual/passwd')).rejects.toMatchObject(refused);
    await expect(driver.stat('manual/passwd')).rejects.toMatchObject(refused);
    await expect(driver.remove('manual/passwd')).rejects.toMatchObject(refused);
    await expect(driver.createPartial({ path: 'manual/new', attempt: 1 })).rejects.toMatchObject(refused);
    await expect(driver.createPartial({ path: 'manual/sub/new', attempt: 1 })).rejects.toMatchObject(refused);
    expect(await readdir(outside)).toEqual(['passwd']);
    expect(await listed()).toEqual([]);
  });

  it('takes a root that is itself a link', async () => {
    await mkdir(path.join(folder, 'real'));
    await symlink(path.join(folder, 'real'), root);
    await write('manual/a');
    expect((await buffer(await driver.open('manual/a'))).toString()).toBe('content');
  });
});
