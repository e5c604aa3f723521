/** Backups in a bucket, end to end: plain tools restore what is downloaded, drills are equal, deleting leaves nothing. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { createTestDatabase } from '@holdfast/testkit/databases';
import { HttpProxy, type ProxiedRequest } from '@holdfast/testkit/http-proxy';
import { restorePlainly } from '@holdfast/testkit/restore-plainly';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

const bucket = 'backups';

describe('a backup to S3', () => {
  let server: TestS3Server;
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    server = await TestS3Server.start(bucket);
  });
  afterAll(async () => await server.stop());
  beforeEach(async () => {
    stack = await TestStack.create({
      env: { ...s3Credentials, HOLDFAST_STORAGE: `s3://${bucket}/holdfast`, S3_ENDPOINT: server.url },
    });
    ({ client } = await stack.startApi());
  });
  afterEach(async () => {
    await stack.destroy();
    server.empty(bucket);
  });

  it.each(['none', 'zstd'] as const)(
    'with compression %s is restored by plain tools, drilled and deleted',
    async (compressionType) => {
      await stack.startWorker();
      const backup = await stack.backUp(client, { compressionType });
      expect(backup).toMatchObject({
        status: 'completed',
        proofLevel: 'stored',
        errorCode: null,
        storageTarget: `s3://${bucket}/holdfast?endpoint=${encodeURIComponent(server.url)}&region=us-east-1`,
      });
      const key = `holdfast/${backup.filePath}`;
      expect(await server.keys(bucket)).toEqual([key, `${key}.manifest.json`]);
      expect(server.openUploads(bucket)).toEqual([]);

      const bytes = await server.read(bucket, key);
      expect(bytes.length).toBe(backup.fileSize);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(backup.checksumSha256);
      const { manifest } = JSON.parse(
        (await server.read(bucket, `${key}.manifest.json`)).toString(),
      ) as SignedManifest;
      expect(manifest.file.sha256).toBe(backup.checksumSha256);
      const downloaded = path.join(stack.folder, 'downloaded');
      await writeFile(downloaded, bytes);
      const copy = await createTestDatabase('template0');
      await restorePlainly({ backup, file: downloaded, into: copy.url });
      const original = stack.target?.url as string;
      expect(await schemaOf(copy.url)).toBe(await schemaOf(original));
      expect(await dataOf(copy.url)).toEqual(await dataOf(original));
      await copy.drop();

      expect(await stack.drill(client, backup.id)).toMatchObject({
        status: 'completed',
        result: { isEqual: true, differences: [] },
      });
      expect(await client.send('DELETE', `/backups/${backup.id}`)).toMatchObject({ status: 202 });
      await stack.untilStatus('admin_backups', backup.id, ['deleted']);
      expect(await server.keys(bucket)).toEqual([]);
    },
  );

  it('that was changed in the bucket fails its drill with FILE_CORRUPTION', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const key = `holdfast/${backup.filePath}`;
    const bytes = await server.read(bucket, key);
    bytes.writeUInt8(bytes.readUInt8(1_000) ^ 1, 1_000);
    await server.write(bucket, key, bytes);
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'failed',
      errorCode: 'FILE_CORRUPTION',
    });
  });

  it.each(['backup-written', 'backup-publishing'])(
    'whose worker is killed at "%s" is completed by another, and nothing of the first is left',
    async (step) => {
      const first = await stack.startWorker({ TEST_PAUSE_AT: step });
      const backupId = await client.createBackup({ compressionType: 'none' });
      await first.reached(step);
      await first.kill();
      await stack.startWorker();
      const backup = await stack.untilEnded(client, backupId);
      expect(backup).toMatchObject({ status: 'completed', attempt: 2, retryCount: 1 });
      const key = `holdfast/${backup.filePath}`;
      await until(async () => (await server.keys(bucket)).length === 2);
      expect(await server.keys(bucket)).toEqual([key, `${key}.manifest.json`]);
      expect(server.openUploads(bucket)).toEqual([]);
      expect(await stack.drill(client, backupId)).toMatchObject({ result: { isEqual: true } });
    },
  );

  it('that is cancelled while the storage does not answer ends at once and leaves nothing', async () => {
    const proxy = await HttpProxy.start(server.url);
    try {
      const isWrite = ({ method, path: url }: ProxiedRequest): boolean =>
        method === 'PUT' && url.includes('.dump');
      proxy.decide = (request) => (isWrite(request) ? { kind: 'hang' } : null);
      await stack.metadata.query('UPDATE backup_settings SET storage_location = $1', [
        `s3://${bucket}/holdfast?endpoint=${proxy.url}`,
      ]);
      await stack.startWorker();
      const backupId = await client.createBackup({ compressionType: 'zstd' });
      await until(async () => proxy.seen.some(isWrite));
      await client.post(`/backups/${backupId}/cancel`);
      expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'cancelled' });
      expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[], []]);
    } finally {
      await proxy.stop();
    }
  });

  it('that is cancelled after its worker died leaves nothing in the bucket', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
    const backupId = await client.createBackup({ compressionType: 'none' });
    await first.reached('backup-written');
    await first.kill();
    await client.post(`/backups/${backupId}/cancel`);
    expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'cancelled' });
    expect(await server.keys(bucket)).toEqual([expect.stringMatching(/^holdfast\/\.partial\/.*\.1$/)]);
    await stack.startWorker();
    await until(async () => (await server.keys(bucket)).length === 0);
    expect(server.openUploads(bucket)).toEqual([]);
  });
});
