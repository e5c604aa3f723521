/** A worker that is killed in the middle of a restore: the live database is wholly the old or wholly the new one, and the row says which. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
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

  beforeEach(async () => {
    stack = await TestStack.create();
    const { client } = await stack.startApi();
    target = stack.target as typeof target;
    const maker = await stack.startWorker();
    backedUp = await contentNow();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await maker.stop();
    await target.query('DROP TABLE never_used');
    await target.query("UPDATE users SET signature = 'ruined'");
    ruined = await contentNow();
  });
  afterEach(async () => await stack.destroy());

  async function dieAt(step: string): Promise<string> {
    const worker = await stack.startWorker({ TEST_PAUSE_AT: step });
    const id = await insertRestore(stack, {
      backup,
      strategy: 'swap',
      targetDatabase: target.name,
      columns: { create_pre_backup: step === 'restore-safety-backup', pre_backup_waiver_reason: 'a test' },
    });
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
    expect(await stack.restoreDatabases()).toEqual(databases);
    expect(await stack.operationSessions()).toEqual([]);
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
      const id = await insertRestore(stack, {
        backup,
        strategy: 'swap',
        targetDatabase: target.name,
        columns: { create_pre_backup: false, pre_backup_waiver_reason: 'a test' },
      });
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
