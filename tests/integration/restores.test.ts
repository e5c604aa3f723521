/** A restore gives back what was backed up, whole, and touches nothing before it has proved that. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { queryOnce } from '@holdfast/testkit/databases';
import { insertRestore, type InsertRestore, insertRollback } from '@holdfast/testkit/insert-restore';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(180_000);

interface RestoreState {
  status: string;
  code: string | null;
  message: string | null;
  verification: { isEqual: boolean } | null;
  preBackupId: number | null;
  keptDatabase: string | null;
  canRollback: boolean;
  errorStep: string | null;
}

describe('a restore', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;
  let target: NonNullable<TestStack['target']>;
  let before: { schema: string; data: Record<string, string> };

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    target = stack.target as typeof target;
    before = { schema: await schemaOf(target.url), data: await dataOf(target.url) };
    backup = await stack.backUp(client, { compressionType: 'zstd' });
  });
  afterEach(async () => await stack.destroy());

  async function restore(
    options: Partial<InsertRestore> & Pick<InsertRestore, 'strategy'>,
  ): Promise<RestoreState & { id: string }> {
    const id = await insertRestore(stack, { backup, targetDatabase: target.name, ...options });
    await stack.untilStatus('restore_operations', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query<RestoreState>(
      `SELECT status, error_code AS code, error_message AS message, verification, pre_restore_backup_id AS "preBackupId",
         kept_database AS "keptDatabase", can_rollback AS "canRollback", error_step AS "errorStep"
       FROM restore_operations WHERE operation_id = $1`,
      [id],
    );
    return { ...(row as RestoreState), id };
  }

  /** What somebody would want to undo. */
  async function ruin(): Promise<void> {
    await target.query('DROP TABLE never_used');
    await target.query('CREATE TABLE made_since (id int)');
    await target.query("UPDATE users SET signature = 'ruined'");
  }

  const urlOf = (name: string): string => target.url.replace(target.name, name);

  it('by swap puts schema and data back as they were, with settings, grants and comment of the live database', async () => {
    await target.query(`ALTER DATABASE ${target.name} SET work_mem TO '9MB'`);
    await target.query(`COMMENT ON DATABASE ${target.name} IS 'The forum'`);
    await ruin();
    const ruined = { schema: await schemaOf(target.url), data: await dataOf(target.url) };
    const restored = await restore({ strategy: 'swap' });
    expect(restored).toMatchObject({
      status: 'completed',
      code: null,
      canRollback: true,
      verification: { isEqual: true, skippedForeignKeys: [] },
    });
    expect(await schemaOf(target.url)).toBe(before.schema);
    expect(await dataOf(target.url)).toEqual(before.data);
    expect((await queryOnce(target.url, 'SHOW work_mem'))[0]).toEqual({ work_mem: '9MB' });
    const [analysed] = await queryOnce<{ count: number }>(
      target.url,
      `SELECT count(*)::int FROM pg_stats WHERE schemaname = 'public'`,
    );
    expect(analysed?.count).toBeGreaterThan(10);
    // Nothing is left but the original, closed; what it held is still there.
    expect(await stack.restoreDatabases()).toEqual([restored.keptDatabase]);
    expect(await stack.operationSessions()).toEqual([]);
    const kept = restored.keptDatabase as string;
    await expect(queryOnce(urlOf(kept), 'SELECT 1')).rejects.toThrow('not currently accepting connections');
    await target.query(`ALTER DATABASE ${kept} ALLOW_CONNECTIONS true`);
    expect(await schemaOf(urlOf(kept))).toBe(ruined.schema);
    expect(await dataOf(urlOf(kept))).toEqual(ruined.data);
  });

  it('takes a safety backup of the live database first, in the folder of checkpoints, read back to its end', async () => {
    await ruin();
    const { preBackupId } = await restore({ strategy: 'swap' });
    const safety = await client.get<BackupView>(`/backups/${preBackupId}`);
    expect(safety).toMatchObject({ status: 'completed', source: 'pre_restore', proofLevel: 'listed' });
    expect(safety.filePath).toMatch(/^restore-checkpoints\/.*_pre_restore_.*\.dump\.zst$/);
    expect(await stack.drill(client, safety.id)).toMatchObject({ result: { isEqual: true } });
  });

  it('into a new database leaves the live one alone', async () => {
    await ruin();
    const ruined = await dataOf(target.url);
    const name = `${target.name}_copy`;
    try {
      const restored = await restore({ strategy: 'new_database', targetDatabase: name });
      expect(restored).toMatchObject({ status: 'completed', preBackupId: null, keptDatabase: null });
      expect(await schemaOf(urlOf(name))).toBe(before.schema);
      expect(await dataOf(urlOf(name))).toEqual(before.data);
      expect(await dataOf(target.url)).toEqual(ruined);
      expect(await stack.restoreDatabases()).toEqual([]);
      expect(await restore({ strategy: 'new_database', targetDatabase: name })).toMatchObject({
        status: 'failed',
        code: 'IN_USE',
      });
    } finally {
      await target.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  });

  it('whose result differs from the manifest ends before the swap, with the live database untouched', async () => {
    await stack.metadata.query(
      `UPDATE admin_backups SET manifest = jsonb_set(manifest, '{tables,1,digest}', '"0123456789abcdef"') WHERE id = $1`,
      [backup.id],
    );
    await ruin();
    const ruined = await dataOf(target.url);
    expect(await restore({ strategy: 'swap' })).toMatchObject({
      status: 'failed',
      code: 'RESTORE_FAILED',
      errorStep: 'Comparing with the manifest',
      verification: { isEqual: false },
      canRollback: false,
    });
    expect(await dataOf(target.url)).toEqual(ruined);
    expect(await stack.restoreDatabases()).toEqual([]);
  });

  async function rollBack(
    restoreId: string,
    method: 'swap_back' | 'drop_database',
  ): Promise<{ id: string; status: string; code: string | null }> {
    const id = await insertRollback(stack, restoreId, method);
    await stack.untilStatus('restore_rollbacks', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query<{ status: string; code: string | null }>(
      'SELECT status, error_code AS code FROM restore_rollbacks WHERE operation_id = $1',
      [id],
    );
    return { ...(row as { status: string; code: string | null }), id };
  }

  it('by swap is undone within its window: the original is live again, what was live is kept, and both go in their time', async () => {
    await target.query(`COMMENT ON DATABASE ${target.name} IS 'The forum'`);
    await ruin();
    const ruined = { schema: await schemaOf(target.url), data: await dataOf(target.url) };
    const { id } = await restore({ strategy: 'swap' });
    const undone = await rollBack(id, 'swap_back');
    expect(undone).toMatchObject({ status: 'completed', code: null });
    expect(await schemaOf(target.url)).toBe(ruined.schema);
    expect(await dataOf(target.url)).toEqual(ruined.data);
    const [after] = await stack.metadata.query(
      `SELECT can_rollback, kept_database, rolled_back_at IS NOT NULL AS is_undone FROM restore_operations WHERE operation_id = $1`,
      [id],
    );
    expect(after).toEqual({ can_rollback: false, kept_database: null, is_undone: true });
    const aside = `holdfast_undone_${undone.id.replaceAll('-', '')}`;
    expect(await stack.restoreDatabases()).toEqual([aside]);
    const [{ comment } = { comment: null }] = await target.query<{ comment: string }>(
      `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = current_database()`,
    );
    expect(comment).toBe(`The forum\n[Holdfast: restored by ${undone.id}]`);
    // A worker sweeps as it starts: what is not due stays, what is due goes.
    await (await stack.startWorker()).find((line) => line.msg === 'worker started');
    expect(await stack.restoreDatabases()).toEqual([aside]);
    await stack.metadata.query('UPDATE backup_settings SET rollback_window_hours = 0');
    await stack.startWorker();
    await until(async () => (await stack.restoreDatabases()).length === 0);
    expect(await dataOf(target.url)).toEqual(ruined.data);
  });

  it('by swap keeps the original until its time is over, and can then no longer be undone', async () => {
    await ruin();
    const { id, keptDatabase } = await restore({ strategy: 'swap' });
    await stack.startWorker();
    expect(await stack.restoreDatabases()).toEqual([keptDatabase]);
    await stack.metadata.query(
      'UPDATE restore_operations SET rollback_expires_at = clock_timestamp() WHERE operation_id = $1',
      [id],
    );
    await stack.startWorker();
    await until(async () => (await stack.restoreDatabases()).length === 0);
    await until(async () => {
      const [row] = await stack.metadata.query<{ name: string | null }>(
        'SELECT kept_database AS name FROM restore_operations WHERE operation_id = $1 AND NOT can_rollback',
        [id],
      );
      return row !== undefined && row.name === null;
    });
    expect(await rollBack(id, 'swap_back')).toMatchObject({ status: 'failed', code: 'ROLLBACK_FAILED' });
    expect(await dataOf(target.url)).toEqual(before.data);
  });

  it('into a new database is undone by dropping that, and no other of its name', async () => {
    const name = `${target.name}_copy`;
    const { id } = await restore({ strategy: 'new_database', targetDatabase: name });
    expect(await rollBack(id, 'drop_database')).toMatchObject({ status: 'completed' });
    expect(await target.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).toEqual([]);
    const other = await restore({ strategy: 'new_database', targetDatabase: name });
    await target.query(`COMMENT ON DATABASE ${name} IS 'somebody made it anew'`);
    try {
      expect(await rollBack(other.id, 'drop_database')).toMatchObject({
        status: 'failed',
        code: 'ROLLBACK_FAILED',
      });
      expect(await target.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).toHaveLength(1);
    } finally {
      await target.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  });

  it('by swap is refused by a publication, before anything is made', async () => {
    await target.query('CREATE PUBLICATION news FOR ALL TABLES');
    expect(await restore({ strategy: 'swap' })).toMatchObject({
      status: 'failed',
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('publication "news"'),
    });
    expect(await stack.restoreDatabases()).toEqual([]);
  });
});
