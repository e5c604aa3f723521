/** Query: a page of verifications, newest first. */
import type { ListVerificationsQuery } from '@holdfast/contracts/verifications';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { DataSource } from 'typeorm';
import { VerificationEntity, type VerificationRow } from './verification.entity.ts';

export interface VerificationPage {
  readonly items: VerificationRow[];
  readonly pagination: {
    page: number;
    limit: number;
    total: number;
    totalPages: number;
    nextCursor: string | null;
  };
}

export async function listVerifications(
  source: DataSource,
  query: ListVerificationsQuery,
): Promise<VerificationPage> {
  const limit = query.limit ?? 20;
  const page = query.page ?? 1;
  const order = query.sortOrder === 'asc' ? 'ASC' : 'DESC';
  const builder = source.manager.createQueryBuilder(VerificationEntity, 'verification').where('true');
  if (query.backupId !== undefined) {
    builder.andWhere('verification.backupId = :backupId', { backupId: query.backupId });
  }
  if (query.status !== undefined) {
    builder.andWhere('verification.status IN (:...status)', { status: query.status });
  }
  const total = await builder.clone().getCount();
  builder.orderBy('verification.createdAt', order).addOrderBy('verification.operationId', order);
  const sort = `createdAt:${order}`;
  if (query.cursor === undefined) {
    builder.offset((page - 1) * limit);
  } else {
    const { value, id } = decodeCursor(query.cursor, sort);
    builder.andWhere(
      `(verification.createdAt, verification.operationId) ${order === 'ASC' ? '>' : '<'} (CAST(:at AS timestamptz), CAST(:id AS uuid))`,
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
