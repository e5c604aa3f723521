/** The server of the target crashes in the middle of a restore: tried again when it is back, and the live database is never a half. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { queryOnce } from '@holdfast/testkit/databases';
import { insertRestore } from '@holdfast/testkit/insert-restore';
import { type OwnPostgres, startOwnPostgres } from '@holdfast/testkit/own-postgres';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

describe('a restore whose target server crashes', () => {
  let own: OwnPostgres;
  let stack: TestStack;
  let backup: BackupView;
  let url: string;
  let backedUp: unknown;

  const contentNow = async (): Promise<unknown> => ({ schema: await schemaOf(url), data: await dataOf(url) });

  beforeAll(async () => {
    own = await startOwnPostgres();
    await own.server.createDatabase('forum');
    url = own.server.url('forum');
    await queryOnce(
      url,
      `CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL);
       CREATE TABLE posts (id bigserial PRIMARY KEY, author_id int NOT NULL REFERENCES authors, body text NOT NULL);
       INSERT INTO authors SELECT n, 'author ' || n FROM generate_series(1, 20) n;
       INSERT INTO posts (author_id, body) SELECT n % 20 + 1, 'post ' || n FROM generate_series(1, 2000) n`,
    );
    stack = await TestStack.create({
      targetUrl: url,
      // Nobody dies: however long the server takes to come back, the worker lives.
      env: { HOLDFAST_LEASE_SECONDS: '60' },
      settings: { max_retries: 10, retry_delay: 1 },
    });
    const { client } = await stack.startApi();
    await stack.startWorker();
    backedUp = await contentNow();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
  });
  afterAll(async () => {
    await stack.destroy();
    await own.destroy();
  });

  it.each([
    ['swap', 'restore-created'],
    ['swap', 'restore-restored'],
    ['swap', 'restore-exchanging'],
    ['swap', 'restore-swap-closed'],
    ['swap', 'restore-swap-committed'],
    ['in_place', 'restore-restored'],
    ['in_place', 'restore-exchanging'],
    ['in_place', 'restore-swap-committed'],
  ] as const)('(%s) at "%s" is completed once it is back', async (strategy, step) => {
    await stack.killWorkers();
    await queryOnce(url, "UPDATE posts SET body = 'ruined'");
    const worker = await stack.startWorker({ TEST_FREEZE_AT: step });
    const id = await insertRestore(stack, {
      backup,
      strategy,
      targetDatabase: 'forum',
      columns: { create_pre_backup: false, pre_backup_waiver_reason: 'a test' },
    });
    await worker.frozen(step);
    await own.server.stop('immediate');
    await own.server.start();
    worker.signal('SIGCONT');
    await stack.untilStatus('restore_operations', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query<{ status: string; message: string | null }>(
      'SELECT status, error_message AS message FROM restore_operations WHERE operation_id = $1',
      [id],
    );
    expect(row).toEqual({ status: 'completed', message: null });
    expect(await contentNow()).toEqual(backedUp);
    const databases = await queryOnce<{ name: string }>(
      url,
      "SELECT datname AS name FROM pg_database WHERE datname ~ '^holdfast_restore_'",
    );
    expect(databases).toEqual([]);
  });
});
