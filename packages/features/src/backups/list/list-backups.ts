/** Query: a page of backups by filters, full-text search and a stable order; by page number or, quicker when deep, by cursor. */
import type { ListBackupsQuery } from '@holdfast/contracts/backups';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import { type DataSource, type EntityManager, In } from 'typeorm';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';
import {
  addColumns,
  addMatching,
  addPeriod,
  type BackupFilters,
  Conditions,
  filtersOf,
  hasMatching,
} from './backup-filters.ts';
import { countBackups, countedOneByOne, type Total } from './count-backups.ts';

export interface BackupPage {
  readonly items: BackupRow[];
  readonly pagination: {
    page: number;
    limit: number;
    total: number;
    totalIsExact: boolean;
    totalPages: number;
    nextCursor: string | null;
  };
}

/** What may be sorted by, as the indexes have it; NULL durations count as -1, so that a comparison of rows orders them too. */
const sortColumns = {
  createdAt: { sql: 'created_at', cast: 'timestamptz', of: (row: BackupRow) => row.createdAt.toISOString() },
  displayName: { sql: 'display_name', cast: 'text', of: (row: BackupRow) => row.displayName },
  fileSize: { sql: 'file_size', cast: 'bigint', of: (row: BackupRow) => String(row.fileSize) },
  duration: {
    sql: 'COALESCE(duration, -1)',
    cast: 'integer',
    of: (row: BackupRow) => String(row.duration ?? -1),
  },
} as const;

/** @throws AppError VALIDATION_FAILED for a date range upside down or a foreign cursor. */
export async function listBackups(source: DataSource, query: ListBackupsQuery): Promise<BackupPage> {
  const filters = filtersOf(query);
  const page = pageOf(query);
  const { total, ids } = hasMatching(filters)
    ? await source.transaction((manager) => findMatching(manager, filters, page))
    : {
        total: await countBackups(source.manager, filters),
        ids: await walk(source.manager, filters, page),
      };
  const rows = await loadRows(source.manager, ids.slice(0, page.limit));
  const last = rows.at(-1);
  return {
    items: rows,
    pagination: {
      page: page.number,
      limit: page.limit,
      total: total.count,
      totalIsExact: total.isExact,
      totalPages: Math.ceil(total.count / page.limit),
      nextCursor:
        ids.length > page.limit && last !== undefined
          ? encodeCursor({ sort: page.sort, value: page.column.of(last), id: String(last.id) })
          : null,
    },
  };
}

interface Page {
  readonly number: number;
  readonly limit: number;
  readonly offset: number;
  readonly column: (typeof sortColumns)[keyof typeof sortColumns];
  readonly order: 'ASC' | 'DESC';
  readonly sort: string;
  /** Behind which row the page begins. */
  readonly after: { readonly value: string; readonly id: string } | null;
}

function pageOf(query: ListBackupsQuery): Page {
  const { limit = 20, page: number = 1, sortBy = 'createdAt', sortOrder = 'desc', cursor } = query;
  const sort = `${sortBy}:${sortOrder}`;
  const after = cursor === undefined ? null : decodeCursor(cursor, sort);
  return {
    number,
    limit,
    offset: after === null ? (number - 1) * limit : 0,
    column: sortColumns[sortBy],
    order: sortOrder === 'asc' ? 'ASC' : 'DESC',
    sort,
    after,
  };
}

function addCursor(conditions: Conditions, { column, order, after }: Page, key: string): Conditions {
  if (after !== null) {
    conditions.add(
      (value, id) =>
        `(${key}, id) ${order === 'ASC' ? '>' : '<'} (CAST(${value} AS ${column.cast}), CAST(${id} AS integer))`,
      after.value,
      after.id,
    );
  }
  return conditions;
}

/** One more than the page has, which tells whether another follows. */
function orderOf({ order, limit, offset }: Page, key: string): string {
  return `ORDER BY ${key} ${order}, id ${order} LIMIT ${limit + 1} OFFSET ${offset}`;
}

/** Along an index in the order that is asked for, until the page is full. */
async function walk(manager: EntityManager, filters: BackupFilters, page: Page): Promise<number[]> {
  const conditions = addPeriod(addColumns(new Conditions(), filters), filters.period);
  addMatching(addCursor(conditions, page, page.column.sql), filters);
  const rows = (await manager.query(
    `SELECT id FROM admin_backups WHERE ${conditions.sql} ${orderOf(page, page.column.sql)}`,
    conditions.values,
  )) as { id: number }[];
  return rows.map(({ id }) => id);
}

/**
 * With words or tags: few that match are all fetched by the inverted index, counted and sorted; where there are many, the page is full
 * soon when walking in order. The planner can't tell which it is (PostgreSQL has no statistics of what jsonb contains), and a wrong
 * guess costs a hundred times as much: so we look first, and it is told not to guess.
 */
async function findMatching(
  manager: EntityManager,
  filters: BackupFilters,
  page: Page,
): Promise<{ total: Total; ids: number[] }> {
  await manager.query(`SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true)`);
  const few = await fetchFew(manager, filters, page);
  if (few.count <= countedOneByOne) {
    return { total: { count: few.count, isExact: true }, ids: few.ids };
  }
  await manager.query(
    `SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)`,
  );
  return { total: { count: countedOneByOne, isExact: false }, ids: await walk(manager, filters, page) };
}

/** `ids` are right only where no more than `countedOneByOne` were found. */
async function fetchFew(
  manager: EntityManager,
  filters: BackupFilters,
  page: Page,
): Promise<{ count: number; ids: number[] }> {
  const conditions = addMatching(addPeriod(addColumns(new Conditions(), filters), filters.period), filters);
  const matching = conditions.sql;
  const behind = new Conditions();
  behind.values.push(...conditions.values);
  addCursor(
    behind.add(() => 'true'),
    page,
    'key',
  );
  const [found] = (await manager.query(
    `WITH matching AS MATERIALIZED (
       SELECT id, ${page.column.sql} AS key FROM admin_backups WHERE ${matching} LIMIT ${countedOneByOne + 1})
     SELECT (SELECT count(*)::int FROM matching) AS count,
       ARRAY(SELECT id FROM matching WHERE ${behind.sql} ${orderOf(page, 'key')}) AS ids`,
    behind.values,
  )) as [{ count: number; ids: number[] }];
  return found;
}

/** In the order of the ids. */
async function loadRows(manager: EntityManager, ids: readonly number[]): Promise<BackupRow[]> {
  const rows = ids.length === 0 ? [] : await manager.findBy(BackupEntity, { id: In([...ids]) });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
