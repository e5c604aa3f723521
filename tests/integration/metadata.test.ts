/** The metadata schema: up and down, the indexes, and the triggers that allow exactly the moves of the state machines. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backupStatuses } from '@holdfast/contracts/backups';
import { copyStatuses } from '@holdfast/contracts/copies';
import { operationStatuses } from '@holdfast/contracts/operations';
import { restoreStatuses } from '@holdfast/contracts/restores';
import { createDataSource } from '@holdfast/platform/db/data-source';
import { migrateDown, migrateUp } from '@holdfast/platform/db/migrate';
import { migrations } from '@holdfast/platform/db/migrations/list';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { backupMoves, copyMoves, operationMoves, restoreMoves } from '@holdfast/features/operations/index';

describe('the metadata schema', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase('metadata_template');
    await database.query(
      `INSERT INTO databases (name, host, database_name, username) VALUES ('d', 'h', 'd', 'u')`,
    );
  });
  afterAll(async () => await database.drop());

  it('goes down to nothing and up again to the same, with several processes at once', async () => {
    const other = await createTestDatabase('template0');
    const sources = [1, 2, 3].map((number) =>
      createDataSource({ url: other.url, entities: [], applicationName: `migration ${number}` }),
    );
    await Promise.all(sources.map((source) => source.initialize()));
    const describeAll = `SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations' ORDER BY 1, 2`;
    const applied = await Promise.all(sources.map((source) => migrateUp(source)));
    expect(applied.flat()).toHaveLength(migrations.length);
    const first = await other.query(describeAll);
    for (const _migration of migrations) {
      await migrateDown(sources[0] as (typeof sources)[0]);
    }
    expect(await other.query(describeAll)).toEqual([]);
    await migrateUp(sources[1] as (typeof sources)[0]);
    expect(await other.query(describeAll)).toEqual(first);
    expect(first.length).toBeGreaterThan(150);
    await Promise.all(sources.map((source) => source.destroy()));
    await other.drop();
  });

  it('has every table and column of the specification', async () => {
    const rows = await database.query<{ name: string }>(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'`,
    );
    const names = rows.map((row) => row.name);
    expect(names).toEqual(
      expect.arrayContaining([
        'admin_backups.checksum_md5',
        'admin_backups.proof_level',
        'backup_schedules.catch_up',
        'restore_operations.confirmation_token',
        'backup_settings.max_concurrent_operations',
        'schedule_runs.planned_for',
        'confirmation_tokens.token_hash',
        'audit_log.action',
        'api_keys.key_hash',
      ]),
    );
    const indexes = await database.query(
      `SELECT 1 FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'idx%'`,
    );
    expect(indexes.length).toBeGreaterThanOrEqual(15);
  });

  /** The moves that an UPDATE is let through for, tried one by one. */
  async function allowedMoves(
    table: string,
    statuses: readonly string[],
    insert: (status: string) => string,
  ): Promise<Record<string, string[]>> {
    const allowed: Record<string, string[]> = {};
    for (const from of statuses) {
      allowed[from] = [];
      for (const to of statuses.filter((status) => status !== from)) {
        const [row] = await database.query<{ key: string }>(insert(from));
        const moved = await database
          .query(
            `UPDATE ${table} SET status = '${to}' WHERE ${table === 'admin_backups' || table === 'backup_copies' ? 'id' : 'operation_id'} = $1`,
            [row?.key],
          )
          .then(
            () => true,
            (error: Error & { code?: string }) => {
              expect([error.code, error.message]).toEqual(['23514', `status ${from} cannot become ${to}`]);
              return false;
            },
          );
        if (moved) {
          allowed[from]?.push(to);
        }
      }
      allowed[from]?.sort();
    }
    return allowed;
  }

  const sorted = (moves: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(moves).map(([from, to]) => [from, [...to].sort()]));

  it('lets a backup make the moves of its state machine and no other', async () => {
    const proof = `'w', now(), 1, repeat('a', 64), repeat('b', 32), '{}', 'stored', now()`;
    const insert = (status: string): string =>
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status, worker_id, heartbeat_at, attempt, checksum_sha256, checksum_md5, manifest, proof_level, completed_at)
       VALUES (gen_random_uuid(), 'p', 'd', 'd', 1, '${status}', ${proof}) RETURNING id AS key`;
    expect(await allowedMoves('admin_backups', backupStatuses, insert)).toEqual(sorted(backupMoves));
  });

  it.each([
    ['drills', operationStatuses, operationMoves],
    ['verifications', operationStatuses, operationMoves],
  ] as const)(
    'lets %s make the moves of their state machine and no other',
    async (table, statuses, moves) => {
      const insert = (status: string): string =>
        `INSERT INTO ${table} (backup_id, status, worker_id, heartbeat_at, attempt, result) SELECT min(id), '${status}', 'w', now(), 1, '{}' FROM admin_backups RETURNING operation_id AS key`;
      expect(await allowedMoves(table, statuses, insert)).toEqual(sorted(moves));
    },
  );

  it('lets rebuilds of the catalogue make the moves of their state machine and no other', async () => {
    const insert = (status: string): string =>
      `INSERT INTO catalog_rebuilds (storage_target, status, worker_id, heartbeat_at, attempt, result) VALUES ('t', '${status}', 'w', now(), 1, '{}') RETURNING operation_id AS key`;
    expect(await allowedMoves('catalog_rebuilds', operationStatuses, insert)).toEqual(sorted(operationMoves));
  });

  it('lets a restore make the moves of its state machine and no other', async () => {
    await database.query(
      `INSERT INTO users (email, username, password_hash, role) VALUES ('restorer@example.org', 'restorer', 'x', 'admin') ON CONFLICT DO NOTHING`,
    );
    const insert = (status: string): string =>
      `INSERT INTO restore_operations (display_name, source_backup_id, source_filename, target_database, database_id, strategy, initiated_by, plan, target_key, report_digest, status, worker_id, heartbeat_at, attempt)
       SELECT 'd', min(id), 'f', 't', 1, 'swap', (SELECT user_id FROM users WHERE username = 'restorer'), '{}', gen_random_uuid(), 'd', '${status}', 'w', now(), 1 FROM admin_backups RETURNING operation_id AS key`;
    expect(await allowedMoves('restore_operations', restoreStatuses, insert)).toEqual(sorted(restoreMoves));
  });

  it('lets a copy make the moves of its state machine and no other', async () => {
    const insert = (status: string): string =>
      `INSERT INTO backup_copies (backup_id, storage_target, file_size, status, worker_id, heartbeat_at, attempt, checksum_sha256, proof_level, proved_at, completed_at)
       SELECT min(id), gen_random_uuid(), 1, '${status}', 'w', now(), 1, repeat('a', 64), 'stored', now(), now() FROM admin_backups RETURNING id AS key`;
    expect(await allowedMoves('backup_copies', copyStatuses, insert)).toEqual(sorted(copyMoves));
  });

  it('refuses a completed backup without its proof, and a running one without its claim', async () => {
    const insert = (status: string) =>
      database.query(
        `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status) VALUES (gen_random_uuid(), 'p', 'd', 'd', 1, '${status}')`,
      );
    await expect(insert('completed')).rejects.toThrow('admin_backups_completed_is_proven');
    await expect(insert('running')).rejects.toThrow('admin_backups_running_is_claimed');
  });
});
