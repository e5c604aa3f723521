/** The scratch space that a directory backup and its drill need: checked first, freed whatever happens. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runCommand } from '@holdfast/platform/process/run-command';
import { describeAsRoot } from '@holdfast/testkit/as-root';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

const directory = { backupFormat: 'directory', jobs: 2, compressionType: 'zstd' } as const;

describe('a directory backup', () => {
  let stack: TestStack;
  let client: TestClient;
  let scratch: string;

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { max_retries: 1 } });
    ({ client } = await stack.startApi());
    scratch = path.join(stack.folder, 'scratch');
  });
  afterEach(async () => await stack.destroy());

  const folders = async (): Promise<string[]> => await readdir(scratch).catch(() => []);

  it('whose worker is killed with a full staging folder is completed by another, which removes the folder', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'dump-staged' });
    const backupId = await client.createBackup(directory);
    await first.reached('dump-staged');
    expect(await folders()).toEqual([`backup-${backupId}-1`]);
    expect(await readdir(path.join(scratch, `backup-${backupId}-1`, 'staging', 'dump'))).toContain('toc.dat');
    await first.kill();
    await mkdir(path.join(scratch, 'backup-999-1'));
    await mkdir(path.join(scratch, 'somebody-elses'));
    await stack.startWorker();
    expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'completed', attempt: 2 });
    // The sweep runs at the start of a worker.
    await stack.startWorker();
    await until(async () => (await folders()).every((name) => name !== `backup-${backupId}-1`));
    // Of an operation that is unknown here, or not ours at all: left alone.
    expect(await folders()).toEqual(['backup-999-1', 'somebody-elses']);
    expect(await stack.drill(client, backupId)).toMatchObject({
      status: 'completed',
      result: { isEqual: true },
    });
  });

  it('that is cancelled while pg_dump writes leaves neither a staging folder nor a session', async () => {
    await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'stallsInTheMiddle'),
    });
    const backupId = await client.createBackup(directory);
    const staging = path.join(scratch, `backup-${backupId}-1`, 'staging', 'dump');
    await until(async () => (await readdir(staging).catch((): string[] => [])).includes('toc.dat'));
    await client.post(`/backups/${backupId}/cancel`);
    expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'cancelled' });
    expect(await folders()).toEqual([]);
    expect(await stack.operationSessions()).toEqual([]);
    expect(await stack.storedFiles()).toEqual([]);
  });

  it('that pg_dump fails leaves no staging folder and says what pg_dump said', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'failsAtTheEnd') });
    const backup = await stack.backUp(client, directory);
    expect(backup).toMatchObject({ status: 'failed', errorCode: 'TOOL_FAILED' });
    expect(backup.errorMessage).toContain('something went wrong at the very end');
    expect(await folders()).toEqual([]);
    expect(await stack.storedFiles()).toEqual([]);
    expect(await stack.operationSessions()).toEqual([]);
  });

  it('that pg_dump cuts short although it says that all is well is not completed', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'losesAFile') });
    expect(await stack.backUp(client, directory)).toMatchObject({
      status: 'failed',
      errorCode: 'FILE_CORRUPTION',
    });
    expect(await folders()).toEqual([]);
  });

  it('whose stored tar was replaced by one that leads elsewhere is not unpacked', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { ...directory, compressionType: 'none' });
    const outside = path.join(stack.folder, 'outside.dat');
    await writeFile(outside, 'x');
    await runCommand('tar', ['--create', '--absolute-names', `--file=${stack.storedPath(backup)}`, outside]);
    // As somebody would who may change rows too: the checksum alone must not be what protects the worker.
    const sum = (await runCommand('sha256sum', [stack.storedPath(backup)])).slice(0, 64);
    await stack.metadata.query(
      `UPDATE admin_backups SET checksum_sha256 = $2::text, file_size = 10240,
         manifest = jsonb_set(manifest, '{file,sha256}', to_jsonb($2::text)) WHERE id = $1`,
      [backup.id, sum],
    );
    const drill = await stack.drill(client, backup.id);
    expect(drill).toMatchObject({ status: 'failed', errorCode: 'FILE_CORRUPTION' });
    expect(drill.errorMessage).toContain('belongs to no dump');
    expect(await folders()).toEqual([]);
  });
});

describeAsRoot('a small scratch disk', () => {
  it.each([
    ['too small for the estimate is found before a byte is written', 'size=40m', /about \d+ are needed/],
    [
      'that fills up although there seemed to be room ends the dump',
      'size=200m,nr_inodes=9',
      /No space left|space/,
    ],
  ])('%s', async (_what, options, words) => {
    const stack = await TestStack.create({ settings: { max_retries: 0 } });
    const scratch = path.join(stack.folder, 'scratch');
    await mkdir(scratch);
    await runCommand('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', scratch]);
    try {
      const { client } = await stack.startApi();
      await stack.startWorker();
      const backup = await stack.backUp(client, directory);
      expect(backup).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE', retryCount: 0 });
      expect(backup.errorMessage).toMatch(words);
      expect(await readdir(scratch)).toEqual([]);
      expect(await stack.storedFiles()).toEqual([]);
      // Other formats need no such space.
      expect(await stack.backUp(client, { compressionType: 'zstd' })).toMatchObject({ status: 'completed' });
    } finally {
      await Promise.all(stack.processes.map((process) => process.kill()));
      await runCommand('umount', [scratch]);
      await stack.destroy();
    }
  });
});
