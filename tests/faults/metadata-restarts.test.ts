/** The metadata database crashes and comes back while a backup runs: requests say so, the backup goes on and records itself. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { OperationProgress } from '@holdfast/contracts/operations';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { makeMetadataTemplate } from '@holdfast/testkit/metadata-template';
import { type OwnPostgres, startOwnPostgres } from '@holdfast/testkit/own-postgres';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

/** The worker is alive all the time, however long a busy machine takes to restart PostgreSQL. */
const workerLives = { HOLDFAST_LEASE_SECONDS: '60' };

describe('a metadata database that crashes', () => {
  let postgres: PrivatePostgres;
  let own: OwnPostgres;

  beforeAll(async () => {
    own = await startOwnPostgres();
    postgres = own.server;
    await makeMetadataTemplate(postgres);
  });
  afterAll(async () => {
    await own.destroy();
  });

  it('in the middle of a dump: 503 with Retry-After until it is back; the attempt completes and records itself', async () => {
    const stack = await TestStack.create({ metadataServer: postgres.url('postgres'), env: workerLives });
    const { client } = await stack.startApi();
    const dir = await fakeClientDir(stack.folder, 'pausesOnce');
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await until(
      async () => (await client.get<OperationProgress>(`/backups/${backupId}/progress`)).bytesDone > 0,
    );
    await postgres.stop('immediate');
    for (const [method, address, body] of [
      ['GET', '/backups', undefined],
      ['POST', '/backups', { displayName: 'x' }],
      ['GET', `/backups/${backupId}`, undefined],
    ] as const) {
      const answer = await client.send(method, address, body === undefined ? {} : { body });
      expect(answer).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await client.send('GET', '/health/ready')).status).toBe(503);
    await writeFile(path.join(dir, 'go'), '');
    await postgres.start();
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      status: 'completed',
      attempt: 1,
      retryCount: 0,
      errorCode: null,
    });
    expect(await stack.drill(client, backupId)).toMatchObject({ result: { isEqual: true } });
    await stack.destroy();
  });

  it('when everything is written and only the record is missing: written when it is back, once', async () => {
    const stack = await TestStack.create({ metadataServer: postgres.url('postgres'), env: workerLives });
    const { client } = await stack.startApi();
    const worker = await stack.startWorker({ TEST_FREEZE_AT: 'backup-publishing' });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await worker.frozen('backup-publishing');
    await postgres.stop('immediate');
    worker.signal('SIGCONT');
    await worker.find(
      (line) => line.msg === 'the metadata database does not answer; it is asked again until it does',
    );
    await postgres.start();
    const backup = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'completed', errorCode: null });
    await until(async () => (await stack.storedFiles()).every((file) => !file.endsWith('.partial')));
    expect(await stack.storedFiles()).toEqual([backup.filePath, `${backup.filePath}.manifest.json`]);
    expect(await stack.drill(client, backupId)).toMatchObject({ result: { isEqual: true } });
    await stack.destroy();
  });
});
