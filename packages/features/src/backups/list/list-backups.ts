/** Query: a page of backups by filters, full-text search and a stable order; by page number or, quicker when deep, by cursor. */
import type { ListBackupsQuery } from '@holdfast/contracts/backups';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import { type DataSource, type EntityManager, In } from 'typeorm';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';
import { filtersOf, hasMatching } from './backup-filters.ts';
import { type BackupListPage, sortColumns, walkBackups } from './backup-order.ts';
import { countBackups } from './count-backups.ts';
import { findMatching } from './find-matching.ts';

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

/** @throws AppError VALIDATION_FAILED for a date range upside down or a foreign cursor. */
export async function listBackups(source: DataSource, query: ListBackupsQuery): Promise<BackupPage> {
  const filters = filtersOf(query);
  const page = pageOf(query);
  const { total, ids } = hasMatching(filters)
    ? await source.transaction((manager) => findMatching(manager, filters, page))
    : {
        total: await countBackups(source.manager, filters),
        ids: await walkBackups(source.manager, filters, page),
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

function pageOf(query: ListBackupsQuery): BackupListPage {
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

/** In the order of the ids. */
async function loadRows(manager: EntityManager, ids: readonly number[]): Promise<BackupRow[]> {
  const rows = ids.length === 0 ? [] : await manager.findBy(BackupEntity, { id: In([...ids]) });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
