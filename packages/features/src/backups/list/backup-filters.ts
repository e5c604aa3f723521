/** The filters of a list of backups as SQL. Pure. */
import type { ListBackupsQuery } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';

/** Half open, to the millisecond, as rows have it. */
export interface Period {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export interface BackupFilters {
  /** Columns that rows are counted by, and the values that are asked for; null where the column plays no part. */
  readonly columns: Readonly<Record<CountedColumn, readonly string[] | null>>;
  readonly period: Period;
  readonly tags: readonly string[] | null;
  readonly search: string | null;
}

export type CountedColumn = 'status' | 'backup_type' | 'source';

/** @throws AppError VALIDATION_FAILED for a date range upside down, or a time that no clock shows */
export function filtersOf(query: ListBackupsQuery): BackupFilters {
  const fromMs = millisecondsOf('startDate', query.startDate);
  const lastMs = millisecondsOf('endDate', query.endDate);
  if (fromMs !== null && lastMs !== null && fromMs > lastMs) {
    throw new AppError('VALIDATION_FAILED', 'startDate lies after endDate.', {
      fields: [{ path: '/startDate', message: 'lies after endDate' }],
    });
  }
  return {
    columns: {
      status: query.status ?? null,
      backup_type: query.backupType ?? null,
      source: query.source ?? null,
    },
    period: { fromMs, toMs: lastMs === null ? null : lastMs + 1 },
    tags: query.tags ?? null,
    search: query.search ?? null,
  };
}

function millisecondsOf(field: string, text: string | undefined): number | null {
  if (text === undefined) {
    return null;
  }
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) {
    throw new AppError('VALIDATION_FAILED', `${field} is no time.`, {
      fields: [{ path: `/${field}`, message: 'is no time' }],
    });
  }
  return ms;
}

/** Conditions joined by AND, and their values. */
export class Conditions {
  readonly values: unknown[];
  readonly #conditions: string[] = [];

  /** `values`: of other conditions in the same statement, to which these are added. */
  constructor(values: unknown[] = []) {
    this.values = values;
  }

  /** `condition` is given the placeholder of each value. */
  add(condition: (...placeholders: string[]) => string, ...values: unknown[]): this {
    const placeholders = values.map((value) => `$${this.values.push(value)}`);
    this.#conditions.push(condition(...placeholders));
    return this;
  }

  get sql(): string {
    return this.#conditions.join(' AND ');
  }
}

/** One value as `=`: an index behind it then keeps its order, which it does not for a list of values. */
export function addColumns(conditions: Conditions, { columns }: BackupFilters): Conditions {
  if (columns.status === null) {
    conditions.add(() => `status <> 'deleted'`);
  }
  for (const [column, values] of Object.entries(columns)) {
    if (values?.length === 1) {
      conditions.add((value) => `${column} = ${value}`, values[0]);
    } else if (values !== null) {
      conditions.add((list) => `${column} = ANY (${list})`, values);
    }
  }
  return conditions;
}

export function addPeriod(conditions: Conditions, { fromMs, toMs }: Period): Conditions {
  if (fromMs !== null) {
    conditions.add((from) => `created_at >= ${from}`, new Date(fromMs).toISOString());
  }
  if (toMs !== null) {
    conditions.add((to) => `created_at < ${to}`, new Date(toMs).toISOString());
  }
  return conditions;
}

/** True where words or tags play a part: what no column of ours is ordered or counted by. */
export function hasMatching({ tags, search }: BackupFilters): boolean {
  return tags !== null || search !== null;
}

export function addMatching(conditions: Conditions, { tags, search }: BackupFilters): Conditions {
  if (tags !== null) {
    conditions.add((value) => `tags @> CAST(${value} AS jsonb)`, JSON.stringify(tags));
  }
  if (search !== null) {
    conditions.add((value) => `search_vector @@ websearch_to_tsquery('english', ${value})`, search);
  }
  return conditions;
}
