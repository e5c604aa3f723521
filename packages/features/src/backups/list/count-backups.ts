/** Query: how many backups there are by status, type, source and period, from the counts that triggers keep. */
import type { EntityManager } from 'typeorm';
import {
  addColumns,
  addPeriod,
  type BackupFilters,
  Conditions,
  type CountedColumn,
  type Period,
} from './backup-filters.ts';

export interface Total {
  /** At least; exactly where `isExact`. */
  readonly count: number;
  readonly isExact: boolean;
}

/** As many rows are counted one by one at the most: what costs some milliseconds. */
export const countedOneByOne = 10_000;

const dayMs = 24 * 3600 * 1000;

export interface SplitPeriod {
  /** Null where no whole day lies in it. */
  readonly wholeDays: Period | null;
  /** What is left of a day at either end. */
  readonly edges: readonly Period[];
}

/** Whole UTC days have counts; what a period has of other days is counted from the rows. Pure. */
export function splitPeriod({ fromMs, toMs }: Period): SplitPeriod {
  const firstDay = fromMs === null ? null : Math.ceil(fromMs / dayMs) * dayMs;
  const endDay = toMs === null ? null : Math.floor(toMs / dayMs) * dayMs;
  if (firstDay !== null && endDay !== null && firstDay >= endDay) {
    return { wholeDays: null, edges: [{ fromMs, toMs }] };
  }
  return {
    wholeDays: { fromMs: firstDay, toMs: endDay },
    edges: [
      ...(firstDay === fromMs ? [] : [{ fromMs, toMs: firstDay }]),
      ...(endDay === toMs ? [] : [{ fromMs: endDay, toMs }]),
    ],
  };
}

export async function countBackups(manager: EntityManager, filters: BackupFilters): Promise<Total> {
  const { wholeDays, edges } = splitPeriod(filters.period);
  let count = wholeDays === null ? 0 : await countDays(manager, filters, wholeDays);
  let isExact = true;
  for (const edge of edges) {
    const found = await countRows(manager, filters, edge);
    count += Math.min(found, countedOneByOne);
    isExact &&= found <= countedOneByOne;
  }
  return { count, isExact };
}

async function countDays(manager: EntityManager, filters: BackupFilters, days: Period): Promise<number> {
  const conditions = addColumns(new Conditions(), filters);
  if (days.fromMs !== null) {
    conditions.add((from) => `day >= ${from}`, dayOf(days.fromMs));
  }
  if (days.toMs !== null) {
    conditions.add((to) => `day < ${to}`, dayOf(days.toMs));
  }
  const [{ count }] = (await manager.query(
    `SELECT COALESCE(sum(count), 0)::float8 AS count FROM backup_counts WHERE ${conditions.sql}`,
    conditions.values,
  )) as [{ count: number }];
  return count;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Stops one behind `countedOneByOne`. */
async function countRows(manager: EntityManager, filters: BackupFilters, period: Period): Promise<number> {
  const conditions = addPeriod(addColumns(new Conditions(), filters), period);
  const [{ count }] = (await manager.query(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM admin_backups WHERE ${conditions.sql} LIMIT ${countedOneByOne + 1}) AS counted`,
    conditions.values,
  )) as [{ count: number }];
  return count;
}

const bucket: readonly ('day' | CountedColumn)[] = ['day', 'status', 'backup_type', 'source'];

/** Job: merges the rows of one bucket into one. Any number of processes may do it at once: each row is taken by one of them. */
export async function mergeBackupCounts({ manager }: { readonly manager: EntityManager }): Promise<void> {
  const columns = bucket.join(', ');
  await manager.query(
    `WITH taken AS (
       DELETE FROM backup_counts WHERE (${columns}) IN (SELECT ${columns} FROM backup_counts GROUP BY ${columns} HAVING count(*) > 1)
       RETURNING ${columns}, count)
     INSERT INTO backup_counts SELECT ${columns}, sum(count) FROM taken GROUP BY ${columns} HAVING sum(count) <> 0`,
  );
}
