/** Where a backup goes, how that changes without a restart, and that older backups stay where they are. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { StorageTargets } from '@holdfast/features/storage/index';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

const quick = { backupType: 'schema', compressionType: 'zstd' } as const;

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('the storage target', () => {
  let server: TestS3Server;
  let stack: TestStack;
  let client: TestClient;
  let settings: string;
  let ofDatabase: string;

  beforeAll(async () => {
    server = await TestS3Server.start('backups');
    stack = await TestStack.create({ env: s3Credentials });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    settings = path.join(stack.folder, 'settings folder');
    ofDatabase = path.join(stack.folder, 'of-database');
  });
  afterAll(async () => {
    await stack.destroy();
    await server.stop();
  });

  const setLocation = async (location: string): Promise<void> => {
    await stack.metadata.query('UPDATE backup_settings SET storage_location = $1', [location]);
  };
  const setDatabaseLocation = async (location: string | null): Promise<void> => {
    await stack.metadata.query('UPDATE databases SET storage_location = $1', [location]);
  };

  it('is what HOLDFAST_STORAGE says, while nobody has said otherwise', async () => {
    const backup = await stack.backUp(client, quick);
    expect(backup).toMatchObject({
      status: 'completed',
      storageTarget: pathToFileURL(stack.storageDir).href,
    });
    expect(await filesIn(stack.storageDir)).toContain(backup.filename);
  });

  it('follows the settings at once, and each backup is drilled, found and deleted where it lies', async () => {
    const before = await stack.backUp(client, quick);
    await setLocation(settings);
    const after = await stack.backUp(client, quick);
    expect(after.storageTarget).toBe(pathToFileURL(settings).href);
    await setLocation(`s3://backups/a?endpoint=${server.url}`);
    const inBucket = await stack.backUp(client, quick);
    expect(inBucket).toMatchObject({
      status: 'completed',
      storageTarget: expect.stringMatching(/^s3:\/\/backups\/a\?/),
    });
    expect(await server.keys('backups')).toContain(`a/${inBucket.filePath}`);
    for (const backup of [before, after, inBucket]) {
      expect(await stack.drill(client, backup.id)).toMatchObject({
        status: 'completed',
        result: { isEqual: true },
      });
      await client.send('DELETE', `/backups/${backup.id}`);
      await stack.untilStatus('admin_backups', backup.id, ['deleted']);
    }
    expect(await filesIn(settings)).toEqual([]);
    expect(await server.keys('backups')).toEqual([]);
  });

  it('of a database goes before that of the settings, and that of the request before both', async () => {
    await setLocation(settings);
    await setDatabaseLocation(ofDatabase);
    const own = await stack.backUp(client, quick);
    expect(own.storageTarget).toBe(pathToFileURL(ofDatabase).href);
    const asked = await stack.backUp(client, { ...quick, storageTarget: settings });
    expect(asked.storageTarget).toBe(pathToFileURL(settings).href);
    expect(await filesIn(settings)).toContain(asked.filename);
    await setDatabaseLocation(null);
  });

  it.each([
    ['/etc', 'is none of those that are configured'],
    ['s3://somebody-elses', 'is none of those that are configured'],
    ['relative/folder', 'neither an absolute folder nor'],
    ['s3://id:secret@backups', 'credentials do not belong into the URL'],
  ])('"%s" of a request is refused, and nothing changes', async (storageTarget, reason) => {
    const count = 'SELECT count(*)::int AS count FROM admin_backups';
    const before = await stack.metadata.query(count);
    const answer = await client.send<ProblemAnswer>('POST', '/backups', {
      body: { displayName: 'x', storageTarget },
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_CONFIG' } });
    expect(answer.body.detail).toContain(reason);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect(await stack.metadata.query(count)).toEqual(before);
  });

  it('that does not answer fails its backup with STORAGE_UNAVAILABLE, and no other', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
    await setLocation(settings);
    await setDatabaseLocation('s3://backups?endpoint=http://127.0.0.1:9');
    expect(await stack.backUp(client, quick)).toMatchObject({
      status: 'failed',
      errorCode: 'STORAGE_UNAVAILABLE',
    });
    expect(await stack.backUp(client, { ...quick, storageTarget: settings })).toMatchObject({
      status: 'completed',
    });
    await setDatabaseLocation(null);
  });

  it('of each backup is swept of what killed workers left, and of nothing else', async () => {
    await setLocation(settings);
    const old = await stack.backUp(client, quick);
    await setLocation(stack.storageDir);
    const folder = path.join(settings, 'manual');
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, `.${old.filename}.7.partial`), 'left behind');
    await writeFile(path.join(folder, '.of-another-installation.dump.1.partial'), 'not ours');
    await stack.startWorker();
    await until(async () => !(await filesIn(settings)).includes(`.${old.filename}.7.partial`));
    expect(await filesIn(settings)).toEqual(
      expect.arrayContaining([old.filename, '.of-another-installation.dump.1.partial']),
    );
  });

  it('of the environment gives way once somebody has changed the settings', async () => {
    await setLocation(settings);
    await stack.startApi();
    const location = 'SELECT storage_location AS location FROM backup_settings';
    expect(await stack.metadata.query(location)).toEqual([
      { location: pathToFileURL(stack.storageDir).href },
    ]);
    await stack.metadata.query(
      'UPDATE backup_settings SET updated_by = (SELECT user_id FROM users LIMIT 1), storage_location = $1',
      [settings],
    );
    await stack.startApi();
    expect(await stack.metadata.query(location)).toEqual([{ location: settings }]);
  });
});

describe('StorageTargets', () => {
  it('opens a target once, however it is written', () => {
    const targets = new StorageTargets({ endpoint: null, region: 'eu-west-1' });
    expect(targets.open('/a/b/')).toBe(targets.open('file:///a/b'));
    expect(targets.open('s3://bucket/p/')).toBe(targets.open('s3://bucket/p?region=eu-west-1'));
    expect(targets.open('s3://bucket/p')).not.toBe(targets.open('s3://bucket/q'));
  });
});
