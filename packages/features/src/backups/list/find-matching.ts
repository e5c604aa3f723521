/**
 * Query: backups that have words or tags. Few are all fetched by the inverted index, counted and sorted; of many, a page is full soon
 * when walking in order. The planner can't tell which it is (PostgreSQL has no statistics of what jsonb contains), and a wrong guess
 * costs a hundred times as much: so we look first, and it is told not to guess.
 */
import type { EntityManager } from 'typeorm';
import { addColumns, addMatching, addPeriod, type BackupFilters, Conditions } from './backup-filters.ts';
import { addCursor, type BackupListPage, orderOf, walkBackups } from './backup-order.ts';
import { countBackups, countedOneByOne, type Total } from './count-backups.ts';

export interface FoundBackups {
  readonly total: Total;
  readonly ids: readonly number[];
}

/** More than this are many: the total is then told as a lower bound. */
const few = 1_000;
/** So many of all that have a word or tag are looked at, drawn by lot, to learn whether more than `few` pass the other filters too. */
const drawn = 20 * few;

/** In a transaction, which ends with what the planner was told. */
export async function findMatching(
  manager: EntityManager,
  filters: BackupFilters,
  page: BackupListPage,
): Promise<FoundBackups> {
  await tell(manager, { jit: 'off', enable_seqscan: 'off', work_mem: '32MB' });
  if (isNarrowed(filters)) {
    const narrowed = await countBackups(manager, filters);
    if (narrowed.isExact && narrowed.count <= countedOneByOne) {
      return await fetchAll(manager, filters, page, 'columns first');
    }
  }
  if (await areMany(manager, filters)) {
    await tell(manager, { enable_bitmapscan: 'off', enable_sort: 'off' });
    return { total: { count: few, isExact: false }, ids: await walkBackups(manager, filters, page) };
  }
  return await fetchAll(manager, filters, page, 'matching first');
}

async function tell(manager: EntityManager, settings: Readonly<Record<string, string>>): Promise<void> {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  await manager.query(`SELECT ${calls.join(', ')}`);
}

function isNarrowed({ columns, period }: BackupFilters): boolean {
  return (
    Object.values(columns).some((values) => values !== null) || period.fromMs !== null || period.toMs !== null
  );
}

/** Whoever is counted is a match, so "more than" is always true; "not more" may only mean an unlucky draw, and is counted again. */
async function areMany(manager: EntityManager, filters: BackupFilters): Promise<boolean> {
  await tell(manager, { gin_fuzzy_search_limit: String(drawn) });
  const conditions = addMatching(addPeriod(addColumns(new Conditions(), filters), filters.period), filters);
  const [{ count }] = (await manager.query(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM admin_backups WHERE ${conditions.sql} LIMIT ${few + 1}) AS counted`,
    conditions.values,
  )) as [{ count: number }];
  await tell(manager, { gin_fuzzy_search_limit: '0' });
  return count > few;
}

/** `columns first`: where those alone leave little to look through, the inverted index is not asked. */
async function fetchAll(
  manager: EntityManager,
  filters: BackupFilters,
  page: BackupListPage,
  how: 'columns first' | 'matching first',
): Promise<FoundBackups> {
  const { sql: key } = page.column;
  const columns = addPeriod(addColumns(new Conditions(), filters), filters.period);
  const matching = addMatching(new Conditions(columns.values), filters);
  const behind = addCursor(
    new Conditions(columns.values).add(() => 'true'),
    page,
    'key',
  );
  const from =
    how === 'matching first'
      ? `admin_backups WHERE ${columns.sql} AND ${matching.sql}`
      : // OFFSET keeps the two apart.
        `(SELECT * FROM admin_backups WHERE ${columns.sql} OFFSET 0) AS narrowed WHERE ${matching.sql}`;
  const [found] = (await manager.query(
    `WITH matching AS MATERIALIZED (SELECT id, ${key} AS key FROM ${from})
     SELECT (SELECT count(*)::int FROM matching) AS count,
       ARRAY(SELECT id FROM matching WHERE ${behind.sql} ${orderOf(page, 'key')}) AS ids`,
    behind.values,
  )) as [{ count: number; ids: number[] }];
  return { total: { count: found.count, isExact: true }, ids: found.ids };
}
