/** A worker that is killed in the middle of a restore: the live database is wholly the old or wholly the new one, and the row says which. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { queryOnce } from '@holdfast/testkit/databases';
import { insertRestore, insertRollback } from '@holdfast/testkit/insert-restore';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(240_000);

interface Content {
  schema: string;
  data: Record<string, string>;
}

const beforeTheExchange = [
  'restore-safety-backup',
  'restore-created',
  'restore-restored',
  'restore-verified',
  'restore-exchanging',
  'restore-swap-closed',
];

describe('a restore by swap whose worker', () => {
  let stack: TestStack;
  let target: NonNullable<TestStack['target']>;
  let backup: BackupView;
  let backedUp: Content;
  let ruined: Content;

  const contentNow = async (): Promise<Content> => ({
    schema: await schemaOf(target.url),
    data: await dataOf(target.url),
  });

  /** What somebody did to it since the backup. */
  const ruin = async (): Promise<void> => {
    await target.query("DROP TABLE IF EXISTS drafts; UPDATE posts SET body = 'ruined'");
  };

  beforeAll(async () => {
    stack = await TestStack.create({ target: 'template0', env: { HOLDFAST_SWEEP_SECONDS: '0.5' } });
    const { client } = await stack.startApi();
    target = stack.target as typeof target;
    await target.query(
      `CREATE TABLE authors (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
       CREATE TABLE posts (id bigserial PRIMARY KEY, author_id int NOT NULL REFERENCES authors, body text NOT NULL);
       CREATE TABLE drafts (id int, body text);
       CREATE VIEW post_counts AS SELECT author_id, count(*) FROM posts GROUP BY 1;
       INSERT INTO authors (name) SELECT 'author ' || n FROM generate_series(1, 20) n;
       INSERT INTO posts (author_id, body) SELECT n % 20 + 1, 'post ' || n FROM generate_series(1, 2000) n;
       INSERT INTO drafts SELECT n, 'draft ' || n FROM generate_series(1, 50) n`,
    );
    const maker = await stack.startWorker();
    backedUp = await contentNow();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await maker.stop();
    await ruin();
    ruined = await contentNow();
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 3');
    await ruin();
  });
  afterEach(async () => {
    await stack.killWorkers();
    await stack.dropRestoreDatabases();
  });

  async function ask(strategy: 'swap' | 'in_place', withSafetyBackup = false): Promise<string> {
    return await insertRestore(stack, {
      backup,
      strategy,
      targetDatabase: target.name,
      columns: { create_pre_backup: withSafetyBackup, pre_backup_waiver_reason: 'a test' },
    });
  }

  async function dieAt(step: string, strategy: 'swap' | 'in_place' = 'swap'): Promise<string> {
    const worker = await stack.startWorker({ TEST_PAUSE_AT: step });
    const id = await ask(strategy, step === 'restore-safety-backup');
    await worker.reached(step);
    await worker.kill();
    return id;
  }

  async function outcome(id: string): Promise<{ status: string; attempt: number; code: string | null }> {
    await stack.untilStatus('restore_operations', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query<{ status: string; attempt: number; code: string | null }>(
      'SELECT status, attempt, error_code AS code FROM restore_operations WHERE operation_id = $1',
      [id],
    );
    return row as { status: string; attempt: number; code: string | null };
  }

  const keptName = (id: string): string => `holdfast_kept_${id.replaceAll('-', '')}`;

  async function expectNothingLeft(databases: string[]): Promise<void> {
    // The outcome is told before the last session is closed.
    await until(async () => (await stack.operationSessions()).length === 0);
    // A server that was making a database while its client died makes it all the same: the sweep takes it.
    await until(async () => (await stack.restoreDatabases()).length <= databases.length);
    expect(await stack.restoreDatabases()).toEqual(databases);
    const closed = await queryOnce(
      target.url,
      `SELECT 1 FROM pg_database WHERE datname = current_database()
         AND position('closed by' IN shobj_description(oid, 'pg_database')) > 0`,
    );
    expect(closed).toEqual([]);
  }

  it.each([...beforeTheExchange, 'restore-swap-committed'])(
    'is killed at "%s" is completed by another worker',
    async (step) => {
      const id = await dieAt(step);
      await stack.startWorker();
      expect(await outcome(id)).toEqual({ status: 'completed', attempt: 2, code: null });
      expect(await contentNow()).toEqual(backedUp);
      await expectNothingLeft([keptName(id)]);
    },
  );

  it.each(beforeTheExchange)(
    'is killed at "%s" with no retry left has failed, and the live database is the old one',
    async (step) => {
      await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
      const id = await dieAt(step);
      await stack.startWorker();
      expect(await outcome(id)).toMatchObject({ status: 'failed', code: 'STALLED' });
      await until(async () => (await stack.restoreDatabases()).length === 0);
      expect(await contentNow()).toEqual(ruined);
      await expectNothingLeft([]);
    },
  );

  it.each(['restore-restored', 'restore-exchanging', 'restore-swap-committed'])(
    'restores in place and is killed at "%s" is completed by another worker, which asks the server whether it was committed',
    async (step) => {
      const id = await dieAt(step, 'in_place');
      await stack.startWorker();
      expect(await outcome(id)).toEqual({ status: 'completed', attempt: 2, code: null });
      expect(await contentNow()).toEqual(backedUp);
      await expectNothingLeft([]);
    },
  );

  it('restores in place and is killed before it commits with no retry left has failed, and nothing has changed', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
    const id = await dieAt('restore-exchanging', 'in_place');
    await stack.startWorker();
    expect(await outcome(id)).toMatchObject({ status: 'failed', code: 'STALLED' });
    await until(async () => (await stack.operationSessions()).length === 0);
    expect(await contentNow()).toEqual(ruined);
  });

  it.each([0, 1, 2, 3, 4, 5])('is killed at any time (%i) is completed by another worker', async (nth) => {
    const pauseMs = Math.floor(Math.random() * 1_500);
    const worker = await stack.startWorker();
    const id = await ask(nth % 2 === 0 ? 'swap' : 'in_place', nth >= 4);
    await delay(pauseMs);
    await worker.kill();
    await stack.startWorker();
    expect({ pauseMs, ...(await outcome(id)) }).toMatchObject({ pauseMs, status: 'completed', code: null });
    expect(await contentNow()).toEqual(backedUp);
    await expectNothingLeft(nth % 2 === 0 ? [keptName(id)] : []);
  });

  it('died while the server made a database for it leaves none behind, named or not', async () => {
    await stack.startWorker();
    const id = await ask('swap');
    expect(await outcome(id)).toMatchObject({ status: 'completed' });
    const ofOthers = `holdfast_restore_${randomUUID().replaceAll('-', '')}_1`;
    for (const name of [`holdfast_restore_${id.replaceAll('-', '')}_7`, ofOthers]) {
      await target.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    }
    await expectNothingLeft([keptName(id)]);
    const others = await target.query(`SELECT 1 FROM pg_database WHERE datname = $1`, [ofOthers]);
    expect(others).toHaveLength(1);
    await target.query(`DROP DATABASE ${ofOthers}`);
  });

  it('is killed right after the exchange with no retry left has completed all the same: the row tells what happened', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
    const id = await dieAt('restore-swap-committed');
    await stack.startWorker();
    expect(await outcome(id)).toEqual({ status: 'completed', attempt: 2, code: null });
    expect(await contentNow()).toEqual(backedUp);
    await expectNothingLeft([keptName(id)]);
  });

  it.each(['rollback-starting', 'rollback-swap-closed', 'rollback-swap-committed'])(
    'is killed while it is undone, at "%s", is undone by another',
    async (step) => {
      const restorer = await stack.startWorker();
      const id = await ask('swap');
      expect(await outcome(id)).toMatchObject({ status: 'completed' });
      await restorer.stop();
      await stack.metadata.query('UPDATE backup_settings SET max_retries = 0');
      const worker = await stack.startWorker({ TEST_PAUSE_AT: step });
      const rollback = await insertRollback(stack, id, 'swap_back');
      await worker.reached(step);
      await worker.kill();
      await stack.startWorker();
      expect(
        await stack.untilStatus('restore_rollbacks', rollback, ['completed', 'failed', 'cancelled']),
      ).toBe('completed');
      expect(await contentNow()).toEqual(ruined);
      await expectNothingLeft([`holdfast_undone_${rollback.replaceAll('-', '')}`]);
    },
  );
});
