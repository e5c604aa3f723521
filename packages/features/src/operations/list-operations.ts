/** Query: a page of the operations of one kind, newest first. */
import type { ListOperationsQuery, OperationStatus } from '@holdfast/contracts/operations';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { DataSource, EntitySchema, SelectQueryBuilder } from 'typeorm';
import type { OperationRow } from './operation-columns.ts';

interface ListedRow extends OperationRow {
  operationId: string;
  backupId: number;
  status: OperationStatus;
}

export interface OperationPage<Row> {
  readonly items: Row[];
  readonly pagination: {
    page: number;
    limit: number;
    total: number;
    totalPages: number;
    nextCursor: string | null;
  };
}

/** @throws AppError VALIDATION_FAILED for a cursor that is none */
export async function listOperations<Row extends ListedRow>(
  source: DataSource,
  entity: EntitySchema<Row>,
  query: ListOperationsQuery,
): Promise<OperationPage<Row>> {
  const builder = source.manager.createQueryBuilder(entity, 'operation').where('true');
  if (query.backupId !== undefined) {
    builder.andWhere('operation.backupId = :backupId', { backupId: query.backupId });
  }
  if (query.status !== undefined) {
    builder.andWhere('operation.status IN (:...status)', { status: query.status });
  }
  return await pageOf(builder, query);
}

type PageQuery = Pick<ListOperationsQuery, 'limit' | 'page' | 'sortOrder' | 'cursor'>;

/** One page of what the builder, whose entity is called "operation", has filtered. @throws AppError VALIDATION_FAILED */
export async function pageOf<Row extends { operationId: string; createdAt: Date }>(
  builder: SelectQueryBuilder<Row>,
  query: PageQuery,
): Promise<OperationPage<Row>> {
  const { limit = 20, page = 1 } = query;
  const order = query.sortOrder === 'asc' ? 'ASC' : 'DESC';
  const total = await builder.clone().getCount();
  builder.orderBy('operation.createdAt', order).addOrderBy('operation.operationId', order);
  const sort = `createdAt:${order}`;
  if (query.cursor === undefined) {
    builder.offset((page - 1) * limit);
  } else {
    const { value, id } = decodeCursor(query.cursor, sort);
    builder.andWhere(
      `(operation.createdAt, operation.operationId) ${order === 'ASC' ? '>' : '<'} (CAST(:at AS timestamptz), CAST(:id AS uuid))`,
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
