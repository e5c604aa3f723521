/** The target server goes down in the middle of a dump: transient, so tried again; nothing of the first attempt stays. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { OperationProgress } from '@holdfast/contracts/operations';
import { loadDemoForum } from '@holdfast/demo';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { Client } from 'pg';
import { type OwnPostgres, startOwnPostgres } from '@holdfast/testkit/own-postgres';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

describe('a target server', () => {
  let postgres: PrivatePostgres;
  let own: OwnPostgres;

  beforeAll(async () => {
    own = await startOwnPostgres();
    postgres = own.server;
    await postgres.createDatabase('forum');
    await loadDemoForum({ connectionString: postgres.url('forum'), targetBytes: 15_000_000 });
  });
  afterAll(async () => {
    await own.destroy();
  });

  it('that crashes mid-dump and comes back: the backup is retried and completes', async () => {
    const stack = await TestStack.create({
      targetUrl: postgres.url('forum'),
      settings: { max_retries: 10, retry_delay: 1 },
    });
    const { client } = await stack.startApi();
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'isSlow') });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await until(
      async () => (await client.get<OperationProgress>(`/backups/${backupId}/progress`)).bytesDone > 0,
    );
    await postgres.stop('immediate');
    await until(
      async () =>
        (await stack.metadata.query('SELECT 1 FROM admin_backups WHERE retry_count > 0')).length > 0,
    );
    const [waiting] = await until(async () => {
      const rows = await stack.metadata.query<{ error_code: string }>(
        `SELECT error_code FROM admin_backups WHERE status = 'pending'`,
      );
      return rows.length > 0 && rows;
    });
    await postgres.start();
    const backup = await stack.untilEnded(client, backupId);
    expect([waiting?.error_code, backup.status, backup.errorCode]).toEqual([
      'CONNECTION_FAILED',
      'completed',
      null,
    ]);
    expect(backup.retryCount).toBeGreaterThan(0);
    expect(await stack.storedFiles()).toEqual([backup.filePath, `${backup.filePath}.manifest.json`]);
    expect(await stack.drill(client, backupId)).toMatchObject({ result: { isEqual: true } });
    await stack.destroy();
  });

  it.each<[string, (url: URL) => void, string]>([
    ['with a wrong password', (url) => void (url.password = 'wrong'), 'password authentication failed'],
    ['without such a database', (url) => void (url.pathname = '/nowhere'), 'does not exist'],
  ])('%s fails at once, without a retry', async (_what, change, words) => {
    const url = new URL(postgres.url('forum'));
    change(url);
    const stack = await TestStack.create({ targetUrl: url.href });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const backup = await stack.backUp(client);
    expect(backup).toMatchObject({ status: 'failed', errorCode: 'CONNECTION_FAILED', retryCount: 0 });
    expect(backup.errorMessage).toContain(words);
    expect(backup.errorMessage).not.toContain(url.password);
    await stack.destroy();
  });

  it('where something holds a lock that the dump needs: LOCKED after the wait, naming who holds it', async () => {
    const blocker = new Client({ connectionString: postgres.url('forum'), application_name: 'the blocker' });
    blocker.on('error', () => undefined); // The server goes down under it when the test fails first.
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE posts');
    const stack = await TestStack.create({
      targetUrl: postgres.url('forum'),
      settings: { max_retries: 0, lock_wait_timeout: 2 },
    });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const backup = await stack.backUp(client);
    expect(backup).toMatchObject({ status: 'failed', errorCode: 'LOCKED' });
    expect(backup.errorMessage).toContain('the blocker');
    await blocker.end();
    await stack.destroy();
  });
});
