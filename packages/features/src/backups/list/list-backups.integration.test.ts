/** Lists over many rows: totals that never lie, pages that lose and repeat nothing, whichever way they are found. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  backupSources,
  backupStatuses,
  backupTypes,
  type ListBackupsQuery,
} from '@holdfast/contracts/backups';
import { createDataSource } from '@holdfast/platform/db/data-source';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { BackupEntity } from '../backup.entity.ts';
import { mergeBackupCounts } from './count-backups.ts';
import { listBackups } from './list-backups.ts';

jest.setTimeout(120_000);

const total = 13_000;

describe('lists of backups', () => {
  let database: TestDatabase;
  let source: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase('metadata_template');
    source = createDataSource({ url: database.url, entities: [BackupEntity], applicationName: 'test' });
    await source.initialize();
    await database.query(
      `INSERT INTO databases (name, host, database_name, username) VALUES ('d', 'h', 'd', 'u')`,
    );
    await database.query(
      `INSERT INTO admin_backups (filename, file_path, display_name, backup_type, source, database_name, database_id, tags, created_at, status, file_size, duration)
       SELECT 'f' || n, 'f' || n, CASE WHEN n % 50 = 0 THEN 'Weekly migration ' ELSE 'Nightly ' END || n,
         CASE WHEN n % 3 = 0 THEN 'schema' ELSE 'full' END, CASE WHEN n % 2 = 0 THEN 'scheduled' ELSE 'manual' END, 'd', 1,
         CASE WHEN n % 40 = 0 THEN '["keep", "all"]'::jsonb ELSE '["all"]' END,
         timestamptz '2026-01-01 05:00Z' + n * interval '7 minutes',
         CASE WHEN n % 100 = 0 THEN 'deleted' WHEN n % 11 = 0 THEN 'cancelled' ELSE 'failed' END, n % 1000, nullif(n % 7, 0)
       FROM generate_series(1, ${total}) n`,
    );
    await database.query('ANALYZE admin_backups');
  });
  afterAll(async () => {
    await source.destroy();
    await database.drop();
  });

  /** What PostgreSQL counts row by row. */
  const countRows = async ({
    status,
    backupType,
    source: from,
    startDate,
    endDate,
  }: ListBackupsQuery): Promise<number> => {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM admin_backups
       WHERE CASE WHEN $1::text[] IS NULL THEN status <> 'deleted' ELSE status = ANY ($1) END
         AND ($2::text[] IS NULL OR backup_type = ANY ($2)) AND ($3::text[] IS NULL OR source = ANY ($3))
         AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at <= $5)`,
      [status, backupType, from, startDate, endDate].map((value) => value ?? null),
    );
    return row?.count ?? -1;
  };

  const some = <T extends string>(values: readonly T[]) =>
    fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 }), { nil: undefined });
  const moment = fc.option(
    fc
      .integer({ min: Date.parse('2025-12-31T00:00:00Z'), max: Date.parse('2026-03-10T00:00:00Z') })
      .map((ms) => new Date(ms).toISOString()),
    { nil: undefined },
  );
  const anyFilter: fc.Arbitrary<ListBackupsQuery> = fc
    .record({
      status: some(backupStatuses),
      backupType: some(backupTypes),
      source: some(backupSources),
      startDate: moment,
      endDate: moment,
    })
    .filter(({ startDate = '', endDate = '9' }) => startDate <= endDate)
    .map((query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)));

  const totalsAreTrue = () =>
    fc.assert(
      fc.asyncProperty(anyFilter, async (query) => {
        const { pagination } = await listBackups(source, { ...query, limit: 1 });
        expect(pagination).toMatchObject({ total: await countRows(query), totalIsExact: true });
      }),
      { numRuns: 60 },
    );

  it('have the total that counting every row gives, for any filter and period', totalsAreTrue);

  it('keep it through every kind of change, and while counts are merged by several at once', async () => {
    await database.query(
      `UPDATE admin_backups SET status = 'deleting' WHERE status = 'failed' AND id % 13 = 0`,
    );
    await database.query(`UPDATE admin_backups SET file_size = file_size + 1 WHERE id % 5 = 0`);
    await database.query(
      `UPDATE admin_backups SET created_at = created_at + interval '1 day', source = 'imported' WHERE id % 17 = 0`,
    );
    await database.query(`DELETE FROM admin_backups WHERE id % 19 = 0`);
    await database.query(
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id) VALUES ('f1', 'x', 'x', 'd', 1), ('new', 'x', 'x', 'd', 1) ON CONFLICT DO NOTHING`,
    );
    await totalsAreTrue();
    const before = await database.query('SELECT 1 FROM backup_counts');
    const changes = Array.from({ length: 20 }, (_, n) =>
      database.query(
        `UPDATE admin_backups SET status = 'deleting' WHERE status = 'cancelled' AND id % 20 = ${n}`,
      ),
    );
    await Promise.all([...changes, ...Array.from({ length: 8 }, () => mergeBackupCounts(source))]);
    await mergeBackupCounts(source);
    expect((await database.query('SELECT 1 FROM backup_counts')).length).toBeLessThan(before.length);
    expect(
      await database.query(
        `SELECT 1 FROM backup_counts GROUP BY day, status, backup_type, source HAVING count(*) > 1 OR sum(count) < 1`,
      ),
    ).toEqual([]);
    await totalsAreTrue();
  });

  const idsOf = async (query: ListBackupsQuery, pages: number): Promise<number[]> => {
    const ids: number[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < pages; page += 1) {
      const found = await listBackups(source, { ...query, ...(cursor === null ? {} : { cursor }) });
      ids.push(...found.items.map(({ id }) => id));
      cursor = found.pagination.nextCursor;
      if (cursor === null) {
        break;
      }
    }
    return ids;
  };

  it.each<[string, ListBackupsQuery, string, boolean]>([
    ['a word of few', { search: 'migration' }, `search_vector @@ to_tsquery('english', 'migration')`, true],
    ['a word of many', { search: 'nightly' }, `search_vector @@ to_tsquery('english', 'nightly')`, false],
    ['a tag of few', { tags: ['keep', 'all'] }, `tags ? 'keep'`, true],
    ['a tag of many', { tags: ['all'] }, `tags ? 'all'`, false],
    [
      'a tag of many and a word of few',
      { tags: ['all'], search: 'migration' },
      `display_name LIKE 'Weekly%'`,
      true,
    ],
    [
      'a tag of many among few',
      { tags: ['all'], status: ['deleted'] },
      `tags ? 'all' AND status = 'deleted'`,
      true,
    ],
    [
      'a word of many in a day',
      { search: 'nightly', startDate: '2026-01-10T05:00:00Z', endDate: '2026-01-11T04:00:00Z' },
      `display_name LIKE 'Nightly%' AND created_at BETWEEN '2026-01-10 05:00Z' AND '2026-01-11 04:00Z'`,
      true,
    ],
    ['a tag of none', { tags: ['none'] }, 'false', true],
  ])(
    'find %s in every order, page by page, as sorting all rows would',
    async (_what, query, condition, isExact) => {
      const where = query.status === undefined ? `status <> 'deleted' AND ${condition}` : condition;
      for (const [sortBy, column] of [
        ['createdAt', 'created_at'],
        ['displayName', 'display_name'],
        ['fileSize', 'file_size'],
        ['duration', 'COALESCE(duration, -1)'],
      ] as const) {
        for (const sortOrder of ['asc', 'desc'] as const) {
          const sorted = await database.query<{ id: number }>(
            `SELECT id FROM admin_backups WHERE ${where} ORDER BY ${column} ${sortOrder}, id ${sortOrder} LIMIT 300`,
          );
          expect(await idsOf({ ...query, sortBy, sortOrder, limit: 100 }, 3)).toEqual(
            sorted.map(({ id }) => id),
          );
        }
      }
      const { pagination } = await listBackups(source, { ...query, limit: 1 });
      const [all] = await database.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM admin_backups WHERE ${where}`,
      );
      expect(pagination).toMatchObject({ total: isExact ? all?.count : 1_000, totalIsExact: isExact });
      expect(all?.count ?? 0).toBeGreaterThanOrEqual(pagination.total);
    },
  );

  it('refuse a time that no clock shows', async () => {
    await expect(listBackups(source, { startDate: '2026-01-01T23:59:60Z' })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    });
  });
});
