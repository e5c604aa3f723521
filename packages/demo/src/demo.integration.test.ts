/** The demo forum has every kind of object that a backup must not lose, comes out the size asked for, and is the same each time. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { dataOf } from '@holdfast/testkit/compare-databases';
import { isDemoForum, loadDemoForum, parseDemoSize } from './index.ts';

jest.setTimeout(60_000);

describe('the demo forum', () => {
  let one: TestDatabase;
  let two: TestDatabase;

  beforeAll(async () => {
    [one, two] = [await createTestDatabase('template0'), await createTestDatabase('template0')];
    await loadDemoForum({ connectionString: one.url, targetBytes: 15_000_000 });
    await loadDemoForum({ connectionString: two.url, targetBytes: 15_000_000 });
  });
  afterAll(async () => {
    await one.drop();
    await two.drop();
  });

  it.each([
    ['foreign keys', `SELECT 1 FROM pg_constraint WHERE contype = 'f'`, 12],
    ['a deferrable foreign key', 'SELECT 1 FROM pg_constraint WHERE condeferrable', 1],
    ['an exclusion constraint', `SELECT 1 FROM pg_constraint WHERE contype = 'x'`, 1],
    ['a NOT VALID constraint', 'SELECT 1 FROM pg_constraint WHERE NOT convalidated', 1],
    [
      'GIN indexes',
      `SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'gin'`,
      4,
    ],
    ['partial indexes', 'SELECT 1 FROM pg_index WHERE indpred IS NOT NULL', 3],
    ['triggers', 'SELECT 1 FROM pg_trigger WHERE NOT tgisinternal', 2],
    ['a view', `SELECT 1 FROM pg_views WHERE schemaname = 'forum'`, 1],
    ['a materialized view with rows', 'SELECT 1 FROM forum.author_totals LIMIT 1', 1],
    ['enums', `SELECT 1 FROM pg_type WHERE typtype = 'e'`, 2],
    ['a domain', `SELECT 1 FROM pg_type WHERE typtype = 'd' AND typname = 'slug'`, 1],
    ['sequences', 'SELECT 1 FROM pg_sequences WHERE last_value IS NOT NULL', 2],
    ['a partitioned table', `SELECT 1 FROM pg_class WHERE relkind = 'p'`, 1],
    ['large objects', 'SELECT 1 FROM pg_largeobject_metadata', 3],
    ['extensions', `SELECT 1 FROM pg_extension WHERE extname IN ('pg_trgm', 'citext')`, 2],
    ['row-level security', 'SELECT 1 FROM pg_class WHERE relrowsecurity', 1],
    ['a generated column', `SELECT 1 FROM pg_attribute WHERE attgenerated = 's'`, 1],
    ['a table without columns', `SELECT 1 FROM pg_class WHERE relname = 'no_columns' AND relnatts = 0`, 1],
    ['a name of 63 bytes', 'SELECT 1 FROM pg_class WHERE length(relname) = 63', 1],
    [
      'names with quotes, spaces and dashes',
      `SELECT 1 FROM pg_class WHERE relname IN ('-starts with a dash', 'Robert''); DROP TABLE students;--')`,
      2,
    ],
    [
      'comments and grants',
      `SELECT 1 FROM pg_class WHERE relacl::text LIKE '%forum_reader%' AND relname IN ('threads', 'posts')`,
      2,
    ],
  ])('has %s', async (_what, sql, atLeast) => {
    expect((await one.query(sql)).length).toBeGreaterThanOrEqual(atLeast);
  });

  it('is the same each time', async () => {
    expect(await dataOf(one.url)).toEqual(await dataOf(two.url));
  });

  it('is about as large as asked for, says when it is complete, and refuses a used database', async () => {
    const [row] = await one.query<{ size: number }>(
      'SELECT pg_database_size(current_database())::int AS size',
    );
    expect((row?.size ?? 0) / 15_000_000).toBeGreaterThan(0.7);
    expect((row?.size ?? 0) / 15_000_000).toBeLessThan(1.3);
    expect(await isDemoForum(one.url)).toBe(true);
    expect(await isDemoForum(process.env['HOLDFAST_TEST_POSTGRES_URL'] as string)).toBe(false);
    await expect(loadDemoForum({ connectionString: one.url })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
  });

  it.each([
    ['150MB', 150_000_000],
    ['2 GB', 2_000_000_000],
    ['1.5gib', 1_610_612_736],
  ])('reads the size %s', (text, bytes) => {
    expect(parseDemoSize(text)).toBe(bytes);
  });

  it.each(['', '5', 'lots', '-1MB', '0MB', '99999GB'])('refuses the size "%s"', (text) => {
    expect(() => parseDemoSize(text)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });
});
