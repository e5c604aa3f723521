/** Copies that fail, lag or are interrupted: the policy decides what becomes of the backup, and what is owed is made up for. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { BackupCopyView } from '@holdfast/contracts/copies';
import { runCommand } from '@holdfast/platform/process/run-command';
import { itAsRoot } from '@holdfast/testkit/as-root';
import { HttpProxy } from '@holdfast/testkit/http-proxy';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import type { TestClient } from '@holdfast/testkit/test-client';
import { filesIn, TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

const filesOf = ({ filePath }: BackupView): string[] => [filePath, `${filePath}.manifest.json`];
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function copiesOf(client: TestClient, { id }: BackupView): Promise<BackupCopyView[]> {
  return (await client.get<{ items: BackupCopyView[] }>(`/backups/${id}/copies`)).items;
}

describe('a copy', () => {
  let stack: TestStack;
  let client: TestClient;
  let good: string;
  let bad: string;

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { retry_delay: 1 } });
    ({ client } = await stack.startApi());
    good = path.join(stack.folder, 'good');
    bad = path.join(stack.folder, 'bad');
    await client.send('PUT', '/settings', { body: { copies: [good, bad] } });
  });
  afterEach(async () => await stack.destroy());

  /** A disk of one MiB: where the target is, which shows before a byte is written, or below it, which shows while bytes flow. */
  const places = [
    ['before a byte is written', '', 'bytes; '],
    ['while bytes flow', 'manual', 'Writing '],
  ] as const;

  async function withFullFolder(below: string, work: (mounted: string) => Promise<void>): Promise<void> {
    const mounted = path.join(bad, below);
    await mkdir(mounted, { recursive: true });
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted]);
    try {
      await work(mounted);
    } finally {
      await Promise.all(stack.processes.map((process) => process.kill()));
      await runCommand('umount', [mounted]);
    }
  }

  for (const [when, below, says] of places) {
    itAsRoot(
      `that finds its folder full ${when} fails the backup where all are wanted, and nothing is left anywhere`,
      async () => {
        await withFullFolder(below, async () => {
          await stack.startWorker();
          const backup = await stack.backUp(client, { compressionType: 'none' });
          expect(backup).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE', retryCount: 0 });
          expect(backup.errorMessage).toContain(bad);
          expect(backup.errorMessage).toContain(says);
          expect([await stack.storedFiles(), await filesIn(good), await filesIn(bad)]).toEqual([[], [], []]);
          expect(await copiesOf(client, backup)).toEqual([]);
        });
      },
    );

    itAsRoot(
      `that finds its folder full ${when} is made up for once there is room, where another is enough`,
      async () => {
        await withFullFolder(below, async (mounted) => {
          const worker = await stack.startWorker();
          const policy: Partial<CreateBackup> = { copyPolicy: 'at_least', minCopies: 1 };
          const backup = await stack.backUp(client, { compressionType: 'none', ...policy });
          expect(backup).toMatchObject({ status: 'completed', errorCode: null });
          const lost = await worker.find((line) => line.msg === 'a copy was lost; it is made up for later');
          expect(lost).toMatchObject({ code: 'INSUFFICIENT_SPACE', error: expect.stringContaining(says) });
          expect(await stack.storedFiles()).toEqual(filesOf(backup));
          expect(await filesIn(good)).toEqual(filesOf(backup));
          // It goes on trying for longer than operations may otherwise.
          await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
          const owed = await until(async () =>
            (await copiesOf(client, backup)).find((copy) => copy.status === 'pending' && copy.retryCount > 0),
          );
          expect(owed).toMatchObject({ errorCode: 'INSUFFICIENT_SPACE', proofLevel: null });
          await runCommand('mount', ['-o', 'remount,size=64m', mounted]);
          await stack.untilStatus('backup_copies', owed.id, ['completed']);
          await until(async () => (await filesIn(bad)).length === 2);
          expect(await filesIn(bad)).toEqual(filesOf(backup));
          expect(sha256(await readFile(path.join(bad, backup.filePath)))).toBe(backup.checksumSha256);
          expect((await copiesOf(client, backup)).map(({ status }) => status)).toEqual([
            'completed',
            'completed',
          ]);
        });
      },
    );
  }

  it.each(['copy-written', 'copy-published'])(
    'whose worker is killed at "%s" is completed by another, with one result',
    async (step) => {
      const first = await stack.startWorker({ TEST_PAUSE_AT: step });
      const backup = await stack.backUp(client, { compressionType: 'zstd', copies: [] });
      const { copyId } = await client.post<{ copyId: string }>(`/backups/${backup.id}/copies`, {
        storageTarget: good,
      });
      await first.reached(step);
      await first.kill();
      await stack.startWorker();
      await stack.untilStatus('backup_copies', copyId, ['completed']);
      await until(async () => (await filesIn(good)).length === 2);
      expect(await filesIn(good)).toEqual(filesOf(backup));
      expect(sha256(await readFile(path.join(good, backup.filePath)))).toBe(backup.checksumSha256);
      expect(await copiesOf(client, backup)).toMatchObject([
        { status: 'completed', attempt: 3, retryCount: 1 },
      ]);
    },
  );

  it('is not lost with Redis: its row gets a job again', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { backupType: 'schema', copies: [] });
    const [row] = await stack.metadata.query<{ id: string }>(
      `INSERT INTO backup_copies (backup_id, storage_target, file_size, attempt) VALUES ($1, $2, $3, 1) RETURNING id`,
      [backup.id, `file://${good}`, backup.fileSize],
    );
    await stack.untilStatus('backup_copies', row?.id as string, ['completed']);
    expect(await filesIn(good)).toEqual(expect.arrayContaining(filesOf(backup)));
  });

  it('of a backup whose worker is killed leaves nothing of the first attempt', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'backup-publishing' });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await first.reached('backup-publishing');
    await first.kill();
    await stack.startWorker();
    const backup = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'completed', attempt: 2 });
    await until(async () => (await filesIn(good)).length + (await filesIn(bad)).length === 4);
    expect(await filesIn(good)).toEqual(filesOf(backup));
    expect(await filesIn(bad)).toEqual(filesOf(backup));
  });
});

describe('a copy in a bucket', () => {
  const bucket = 'slow';
  let server: TestS3Server;
  let proxy: HttpProxy;
  let stack: TestStack;
  let client: TestClient;

  beforeEach(async () => {
    server = await TestS3Server.start(bucket);
    proxy = await HttpProxy.start(server.url);
    stack = await TestStack.create({
      settings: { retry_delay: 1 },
      env: { ...s3Credentials, S3_ENDPOINT: proxy.url },
    });
    ({ client } = await stack.startApi());
    await client.send('PUT', '/settings', {
      body: { copies: [`s3://${bucket}/far`], copyPolicy: 'at_least', minCopies: 0 },
    });
  });
  afterEach(async () => {
    await stack.destroy();
    await proxy.stop();
    await server.stop();
  });

  it('that is slow is left behind instead of slowing the dump down, and made up for', async () => {
    let isSlow = true;
    proxy.decide = ({ method }) => (isSlow && method === 'PUT' ? { kind: 'slow', pauseMs: 5_000 } : null);
    const worker = await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'none' });
    expect(backup).toMatchObject({ status: 'completed', errorCode: null });
    const lost = await worker.find((line) => line.msg === 'a copy was lost; it is made up for later');
    expect(lost).toMatchObject({ error: expect.stringContaining('too slow') });
    isSlow = false;
    const [owed] = await copiesOf(client, backup);
    await stack.untilStatus('backup_copies', owed?.id as string, ['completed']);
    expect(sha256(await server.read(bucket, `far/${backup.filePath}`))).toBe(backup.checksumSha256);
    await until(async () => (await server.keys(bucket)).length === 2);
    expect(server.openUploads(bucket)).toEqual([]);
    expect(await copiesOf(client, backup)).toMatchObject([{ status: 'completed', attempt: 2 }]);
  });

  it('that refuses every byte costs the backup nothing but the copy, which is made up for', async () => {
    let isDown = true;
    proxy.decide = () => (isDown ? { kind: 'answer', status: 403, code: 'AccessDenied' } : null);
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({ status: 'completed', attempt: 1 });
    const owed = await until(async () =>
      (await copiesOf(client, backup)).find(({ errorCode }) => errorCode !== null),
    );
    expect(owed).toMatchObject({ errorCode: 'PERMISSION_DENIED', status: 'pending' });
    isDown = false;
    await stack.untilStatus('backup_copies', owed.id, ['completed']);
    expect(sha256(await server.read(bucket, `far/${backup.filePath}`))).toBe(backup.checksumSha256);
  });
});
