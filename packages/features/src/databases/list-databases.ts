/** Query: a page of the registry, by number or cursor. */
import type { ListDatabasesQuery } from '@holdfast/contracts/databases';
import { decodeCursor, encodeCursor } from '@holdfast/platform/db/cursor';
import type { DataSource } from 'typeorm';
import { DatabaseEntity, type DatabaseRow } from './database.entity.ts';

const sortColumns = {
  name: { column: 'database.name', cast: 'text', of: (row: DatabaseRow) => row.name },
  createdAt: {
    column: 'database.createdAt',
    cast: 'timestamptz',
    of: (row: DatabaseRow) => row.createdAt.toISOString(),
  },
} as const;

export async function listDatabases(source: DataSource, query: ListDatabasesQuery) {
  const { limit = 20, page = 1, sortBy = 'name', sortOrder = 'asc' } = query;
  const order = sortOrder === 'asc' ? 'ASC' : 'DESC';
  const { column, cast, of } = sortColumns[sortBy];
  const sort = `${sortBy}:${sortOrder}`;
  const builder = source.manager
    .createQueryBuilder(DatabaseEntity, 'database')
    .where('database.deletedAt IS NULL');
  if (query.search !== undefined) {
    // strpos and not LIKE: a % is looked for, too.
    builder.andWhere(
      `strpos(lower(concat_ws(' ', database.name, database.host, database.databaseName)), lower(:search)) > 0`,
      { search: query.search },
    );
  }
  if (query.tags !== undefined) {
    builder.andWhere('database.tags @> CAST(:tags AS jsonb)', { tags: JSON.stringify(query.tags) });
  }
  const total = await builder.clone().getCount();
  // The database keeps microseconds and a cursor milliseconds, so both are compared as the latter.
  const key = cast === 'timestamptz' ? `date_trunc('milliseconds', ${column})` : column;
  builder.orderBy(key, order).addOrderBy('database.id', order);
  if (query.cursor === undefined) {
    builder.offset((page - 1) * limit);
  } else {
    const { value, id } = decodeCursor(query.cursor, sort);
    builder.andWhere(
      `(${key}, database.id) ${order === 'ASC' ? '>' : '<'} (CAST(:value AS ${cast}), CAST(:id AS integer))`,
      { value, id },
    );
  }
  const rows = await builder.limit(limit + 1).getMany();
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined
      ? encodeCursor({ sort, value: of(last), id: String(last.id) })
      : null;
  return { items, pagination: { page, limit, total, totalPages: Math.ceil(total / limit), nextCursor } };
}
