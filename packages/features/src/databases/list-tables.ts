/** Query: the tables of a registered database as they are now, a page at a time. */
import type { ListTablesQuery, TableView } from '@holdfast/contracts/databases';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { relationsQuery } from '@holdfast/platform/pgtools/relations';
import { databaseAddress } from './database-registry.ts';
import { findEntry } from './find-entry.ts';
import { type LookDeps, lookOptions } from './look-options.ts';

const orders = {
  name: 'schema, name',
  size: '"sizeBytes"',
  rows: '"estimatedRows"',
} as const;

interface TableRow extends Omit<TableView, 'sizeBytes' | 'isFilteredByRowSecurity'> {
  readonly sizeBytes: string | null;
  readonly isFiltered: boolean;
}

/** @throws AppError NOT_FOUND, CONNECTION_FAILED, TIMEOUT */
export async function listTables(deps: LookDeps, databaseId: number, query: ListTablesQuery) {
  const { limit = 20, page = 1, sortBy = 'name' } = query;
  const row = await findEntry(deps.source.manager, databaseId);
  const direction = (query.sortOrder ?? (sortBy === 'name' ? 'asc' : 'desc')) === 'asc' ? 'ASC' : 'DESC';
  const order = orders[sortBy]
    .split(', ')
    .map((column) => `${column} ${direction} NULLS LAST`)
    .join(', ');
  const values: unknown[] = [];
  const conditions = ['true'];
  const where = (condition: string, value: unknown): void => {
    conditions.push(condition.replace('?', `$${values.push(value)}`));
  };
  if (query.search !== undefined) {
    where(`strpos(lower(schema || '.' || name), lower(?)) > 0`, query.search);
  }
  if (query.schema !== undefined) {
    where('schema = ANY (?)', query.schema);
  }
  if (query.kind !== undefined) {
    where('kind = ANY (?)', query.kind);
  }
  const chosen = `SELECT * FROM (${relationsQuery}) relation WHERE ${conditions.join(' AND ')}`;
  return await lookWithin(databaseAddress(row, deps.secrets), await lookOptions(deps), async (session) => {
    const { total } = await session.queryOne<{ total: number }>(
      `SELECT count(*)::int AS total FROM (${chosen}) chosen`,
      values,
    );
    // Sizes cost a look at the file system each: asked for the page alone, unless they are what it is sorted by.
    const sized = (from: string): string =>
      `SELECT sized.*, CASE WHEN "hasStorage" THEN pg_total_relation_size(oid) END AS "sizeBytes" FROM (${from}) sized`;
    const paging = `LIMIT ${limit} OFFSET ${(page - 1) * limit}`;
    const tables = await session.query<TableRow>(
      sortBy === 'size'
        ? `${sized(chosen)} ORDER BY ${order}, schema, name ${paging}`
        : `${sized(`${chosen} ORDER BY ${order}, schema, name ${paging}`)} ORDER BY ${order}, schema, name`,
      values,
    );
    return {
      items: tables.map((table) => ({
        schema: table.schema,
        name: table.name,
        kind: table.kind,
        estimatedRows: table.estimatedRows,
        sizeBytes: table.sizeBytes === null ? null : Number(table.sizeBytes),
        isReadable: table.isReadable,
        isFilteredByRowSecurity: table.isFiltered,
      })),
      pagination: { page, limit, total, totalPages: Math.ceil(total / limit), nextCursor: null },
    };
  });
}
