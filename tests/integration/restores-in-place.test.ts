/** A restore in place is one transaction: wholly there, or as if it had never been. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { insertRestore, type InsertRestore } from '@holdfast/testkit/insert-restore';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(180_000);

interface RestoreState {
  status: string;
  code: string | null;
  message: string | null;
  preBackupId: number | null;
}

describe('a restore in place', () => {
  let stack: TestStack;
  let client: TestClient;
  let target: NonNullable<TestStack['target']>;
  let before: { schema: string; data: Record<string, string> };

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    target = stack.target as typeof target;
    before = { schema: await schemaOf(target.url), data: await dataOf(target.url) };
  });
  afterEach(async () => await stack.destroy());

  async function restore(backup: BackupView, options: Partial<InsertRestore> = {}): Promise<RestoreState> {
    const id = await insertRestore(stack, {
      backup,
      strategy: 'in_place',
      targetDatabase: target.name,
      ...options,
      columns: { create_pre_backup: false, pre_backup_waiver_reason: 'a test', ...options.columns },
    });
    await stack.untilStatus('restore_operations', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query<RestoreState>(
      `SELECT status, error_code AS code, error_message AS message, pre_restore_backup_id AS "preBackupId"
       FROM restore_operations WHERE operation_id = $1`,
      [id],
    );
    expect(await stack.operationSessions()).toEqual([]);
    return row as RestoreState;
  }

  it.each(['custom', 'tar'] as const)(
    'of a full backup (%s) puts schema and data back',
    async (backupFormat) => {
      const backup = await stack.backUp(client, { compressionType: 'zstd', backupFormat });
      await target.query('DROP TABLE never_used');
      await target.query("UPDATE users SET signature = 'ruined'");
      const restored = await restore(backup, { columns: { create_pre_backup: true } });
      expect(restored).toMatchObject({ status: 'completed', code: null });
      expect(restored.preBackupId).not.toBeNull();
      expect(await schemaOf(target.url)).toBe(before.schema);
      expect(await dataOf(target.url)).toEqual(before.data);
    },
  );

  it('of the data alone replaces the rows, fires no trigger and sets the sequences', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await target.query("UPDATE users SET signature = 'ruined'");
    await target.query(`CREATE TABLE fired (what text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (TG_OP); RETURN NEW; END $$;
      CREATE TRIGGER note AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();
      SELECT nextval('ticket_numbers')`);
    expect(await restore(backup, { restoreType: 'data_only' })).toMatchObject({ status: 'completed' });
    const { 'public.fired': fired, ...data } = await dataOf(target.url);
    expect(fired).toMatch(/^0 /);
    expect(data).toEqual(before.data);
  });

  it('of the data alone ends as if it had never been where a row would refer to nothing', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await target.query(`CREATE TABLE badges (user_id int REFERENCES users);
      INSERT INTO users (id, uid, username, email, created_at) VALUES (999999, gen_random_uuid(), 'late', 'late@example.org', now());
      INSERT INTO badges VALUES (999999)`);
    const ruined = await dataOf(target.url);
    expect(await restore(backup, { restoreType: 'data_only' })).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('badges'),
    });
    expect(await dataOf(target.url)).toEqual(ruined);
  });

  it('of the schema alone leaves the tables empty', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await target.query('DROP TABLE never_used');
    expect(await restore(backup, { restoreType: 'schema_only' })).toMatchObject({ status: 'completed' });
    expect(await schemaOf(target.url)).toBe(before.schema);
    expect((await dataOf(target.url))['public.users']).toMatch(/^0 /);
  });

  it('that has not the rows of the backup at its end is never committed', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await stack.metadata.query(
      `UPDATE admin_backups SET manifest = jsonb_set(manifest, '{tables,0,rows}', to_jsonb((manifest->'tables'->0->>'rows')::int + 1)) WHERE id = $1`,
      [backup.id],
    );
    await target.query("UPDATE users SET signature = 'ruined'");
    const ruined = await dataOf(target.url);
    expect(await restore(backup)).toMatchObject({
      status: 'failed',
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('differs from the backup'),
    });
    expect(await dataOf(target.url)).toEqual(ruined);
  });

  it('is undone by itself where something made since depends on what it would replace', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await target.query('CREATE VIEW made_since AS SELECT username FROM users');
    const ruined = { schema: await schemaOf(target.url), data: await dataOf(target.url) };
    expect(await restore(backup)).toMatchObject({
      status: 'failed',
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('made_since'),
    });
    expect({ schema: await schemaOf(target.url), data: await dataOf(target.url) }).toEqual(ruined);
  });

  it('leaves out what the request does not want, and so does a swap', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const columns = { include_triggers: false, include_indexes: false };
    const count = async (): Promise<unknown> =>
      (
        await target.query(
          `SELECT (SELECT count(*)::int FROM pg_trigger WHERE NOT tgisinternal) AS triggers,
             (SELECT count(*)::int FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace
              WHERE nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)) AS indexes`,
        )
      )[0];
    expect(await restore(backup, { strategy: 'swap', columns })).toMatchObject({
      status: 'completed',
      message: null,
    });
    expect(await count()).toEqual({ triggers: 0, indexes: 0 });
    expect(await dataOf(target.url)).toEqual(before.data);
  });
});
