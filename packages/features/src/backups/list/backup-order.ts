/** The orders of a list of backups, each with its index, and walking along one. */
import type { EntityManager } from 'typeorm';
import type { BackupRow } from '../backup.entity.ts';
import { addColumns, addMatching, addPeriod, type BackupFilters, Conditions } from './backup-filters.ts';

/** What may be sorted by, as the indexes have it; NULL durations count as -1, so that a comparison of rows orders them too. */
export const sortColumns = {
  createdAt: { sql: 'created_at', cast: 'timestamptz', of: (row: BackupRow) => row.createdAt.toISOString() },
  displayName: { sql: 'display_name', cast: 'text', of: (row: BackupRow) => row.displayName },
  fileSize: { sql: 'file_size', cast: 'bigint', of: (row: BackupRow) => String(row.fileSize) },
  duration: {
    sql: 'COALESCE(duration, -1)',
    cast: 'integer',
    of: (row: BackupRow) => String(row.duration ?? -1),
  },
} as const;

export interface BackupListPage {
  readonly number: number;
  readonly limit: number;
  readonly offset: number;
  readonly column: (typeof sortColumns)[keyof typeof sortColumns];
  readonly order: 'ASC' | 'DESC';
  readonly sort: string;
  /** Behind which row the page begins. */
  readonly after: { readonly value: string; readonly id: string } | null;
}

export function addCursor(
  conditions: Conditions,
  { column, order, after }: BackupListPage,
  key: string,
): Conditions {
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
export function orderOf({ order, limit, offset }: BackupListPage, key: string): string {
  return `ORDER BY ${key} ${order}, id ${order} LIMIT ${limit + 1} OFFSET ${offset}`;
}

/** Along an index in the order that is asked for, until the page is full. */
export async function walkBackups(
  manager: EntityManager,
  filters: BackupFilters,
  page: BackupListPage,
): Promise<number[]> {
  const conditions = addPeriod(addColumns(new Conditions(), filters), filters.period);
  addMatching(addCursor(conditions, page, page.column.sql), filters);
  const rows = (await manager.query(
    `SELECT id FROM admin_backups WHERE ${conditions.sql} ${orderOf(page, page.column.sql)}`,
    conditions.values,
  )) as { id: number }[];
  return rows.map(({ id }) => id);
}
