/** Query: a page of backups by filters, full-text search and a stable order; by page number or, quicker when deep, by cursor. */
import type { ListBackupsQuery } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { DataSource, SelectQueryBuilder } from 'typeorm';
import { BackupEntity, type BackupRow } from './backup.entity.ts';

export interface BackupPage {
  readonly items: BackupRow[];
  readonly pagination: {
    page: number;
    limit: number;
    total: number;
    totalPages: number;
    nextCursor: string | null;
  };
}

/** What may be sorted by; NULL durations count as -1, so that a comparison of rows orders them too. */
const sortColumns = {
  createdAt: {
    expression: 'backup.createdAt',
    cast: 'timestamptz',
    of: (row: BackupRow) => row.createdAt.toISOString(),
  },
  displayName: { expression: 'backup.displayName', cast: 'text', of: (row: BackupRow) => row.displayName },
  fileSize: { expression: 'backup.fileSize', cast: 'bigint', of: (row: BackupRow) => String(row.fileSize) },
  duration: {
    expression: 'COALESCE(backup.duration, -1)',
    cast: 'integer',
    of: (row: BackupRow) => String(row.duration ?? -1),
  },
} as const;

/** @throws AppError VALIDATION_FAILED for a date range upside down or a foreign cursor. */
export async function listBackups(source: DataSource, query: ListBackupsQuery): Promise<BackupPage> {
  const limit = query.limit ?? 20;
  const page = query.page ?? 1;
  const filtered = applyFilters(source.manager.createQueryBuilder(BackupEntity, 'backup'), query);
  const total = await filtered.clone().getCount();
  const paged = applyOrder(filtered, query);
  const rows = await (query.cursor === undefined ? paged.offset((page - 1) * limit) : paged)
    .limit(limit + 1)
    .getMany();
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const sort = sortColumns[query.sortBy ?? 'createdAt'];
  return {
    items,
    pagination: {
      page,
      limit,
      total,
      totalPages: Math.ceil(total / limit),
      nextCursor:
        rows.length > limit && last !== undefined
          ? encodeCursor({ sort: sortKey(query), value: sort.of(last), id: String(last.id) })
          : null,
    },
  };
}

function sortKey(query: ListBackupsQuery): string {
  return `${query.sortBy ?? 'createdAt'}:${query.sortOrder ?? 'desc'}`;
}

function applyOrder(
  builder: SelectQueryBuilder<BackupRow>,
  query: ListBackupsQuery,
): SelectQueryBuilder<BackupRow> {
  const { expression, cast } = sortColumns[query.sortBy ?? 'createdAt'];
  const order = query.sortOrder === 'asc' ? 'ASC' : 'DESC';
  builder.orderBy(expression, order).addOrderBy('backup.id', order);
  if (query.cursor !== undefined) {
    const { value, id } = decodeCursor(query.cursor, sortKey(query));
    builder.andWhere(
      `(${expression}, backup.id) ${order === 'ASC' ? '>' : '<'} (CAST(:cursorValue AS ${cast}), CAST(:cursorId AS integer))`,
      { cursorValue: value, cursorId: id },
    );
  }
  return builder;
}

function applyFilters(
  builder: SelectQueryBuilder<BackupRow>,
  query: ListBackupsQuery,
): SelectQueryBuilder<BackupRow> {
  if (
    query.startDate !== undefined &&
    query.endDate !== undefined &&
    Date.parse(query.startDate) > Date.parse(query.endDate)
  ) {
    throw new AppError('VALIDATION_FAILED', 'startDate lies after endDate.', {
      fields: [{ path: '/startDate', message: 'lies after endDate' }],
    });
  }
  if (query.status === undefined) {
    builder.where(`backup.status <> 'deleted'`);
  } else {
    builder.where('backup.status IN (:...status)', { status: query.status });
  }
  for (const [field, values] of [
    ['backupType', query.backupType],
    ['source', query.source],
  ] as const) {
    if (values !== undefined) {
      builder.andWhere(`backup.${field} IN (:...${field})`, { [field]: values });
    }
  }
  if (query.startDate !== undefined) {
    builder.andWhere('backup.createdAt >= :startDate', { startDate: query.startDate });
  }
  if (query.endDate !== undefined) {
    builder.andWhere('backup.createdAt <= :endDate', { endDate: query.endDate });
  }
  if (query.tags !== undefined) {
    builder.andWhere('backup.tags @> CAST(:tags AS jsonb)', { tags: JSON.stringify(query.tags) });
  }
  if (query.search !== undefined) {
    builder.andWhere(
      `to_tsvector('english', backup.displayName || ' ' || COALESCE(backup.description, '')) @@ websearch_to_tsquery('english', :search)`,
      { search: query.search },
    );
  }
  return builder;
}
