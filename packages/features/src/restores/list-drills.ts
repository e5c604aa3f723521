/** Query: a page of drills, newest first. */
import type { ListDrillsQuery } from '@holdfast/contracts/drills';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { DataSource } from 'typeorm';
import { DrillEntity, type DrillRow } from './drill.entity.ts';

export interface DrillPage {
  readonly items: DrillRow[];
  readonly pagination: {
    page: number;
    limit: number;
    total: number;
    totalPages: number;
    nextCursor: string | null;
  };
}

export async function listDrills(source: DataSource, query: ListDrillsQuery): Promise<DrillPage> {
  const limit = query.limit ?? 20;
  const page = query.page ?? 1;
  const order = query.sortOrder === 'asc' ? 'ASC' : 'DESC';
  const builder = source.manager.createQueryBuilder(DrillEntity, 'drill').where('true');
  if (query.backupId !== undefined) {
    builder.andWhere('drill.backupId = :backupId', { backupId: query.backupId });
  }
  if (query.status !== undefined) {
    builder.andWhere('drill.status IN (:...status)', { status: query.status });
  }
  const total = await builder.clone().getCount();
  builder.orderBy('drill.createdAt', order).addOrderBy('drill.operationId', order);
  const sort = `createdAt:${order}`;
  if (query.cursor === undefined) {
    builder.offset((page - 1) * limit);
  } else {
    const { value, id } = decodeCursor(query.cursor, sort);
    builder.andWhere(
      `(drill.createdAt, drill.operationId) ${order === 'ASC' ? '>' : '<'} (CAST(:at AS timestamptz), CAST(:id AS uuid))`,
      { at: value, id },
    );
  }
  const rows = await builder.limit(limit + 1).getMany();
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined
      ? encodeCursor({ sort, value: last.createdAt.toISOString(), id: last.operationId })
      : null;
  return { items, pagination: { page, limit, total, totalPages: Math.ceil(total / limit), nextCursor } };
}
