/** Resolves the names of a selection against the live catalogue: literal, and an unknown one is an error. */
import { AppError } from '@holdfast/contracts/errors';
import type { DatabaseSession } from './database-session.ts';
import type { DumpSelection, QualifiedName } from './pg-dump.ts';

export interface RequestedSelection {
  readonly includedTables: readonly string[];
  readonly includedSchemas: readonly string[];
  readonly excludedTables: readonly string[];
}

interface CatalogueTable extends QualifiedName {
  readonly sizeBytes: number;
}

export interface ResolvedSelection {
  readonly selection: DumpSelection;
  /** Heap, TOAST and free space of the tables whose rows will be dumped. */
  readonly tableBytes: number;
}

/** @throws AppError INVALID_CONFIG that names every unknown or contradictory name. */
export async function resolveSelection(
  session: DatabaseSession,
  requested: RequestedSelection,
): Promise<ResolvedSelection> {
  const catalogue = await readTables(session);
  const schemas = new Set(
    (await session.query<{ name: string }>('SELECT nspname AS name FROM pg_namespace')).map(
      (row) => row.name,
    ),
  );
  const unknown = requested.includedSchemas
    .filter((schema) => !schemas.has(schema))
    .map((schema) => `schema "${schema}"`);
  const find = (name: string): CatalogueTable | undefined => {
    const table = findTable(catalogue, name, requested.includedSchemas);
    if (table === undefined) {
      unknown.push(`table "${name}"`);
    }
    return table;
  };
  const included = requested.includedTables.map(find).filter((table) => table !== undefined);
  const excluded = requested.excludedTables.map(find).filter((table) => table !== undefined);
  if (unknown.length > 0) {
    throw new AppError('INVALID_CONFIG', `The database has no ${unknown.join(', no ')}.`, {
      remediation: 'Correct the names; a table outside the included schemas is written as schema.table.',
    });
  }
  const isExcluded = (table: CatalogueTable): boolean => excluded.includes(table);
  const chosen =
    included.length > 0
      ? included
      : catalogue.filter((table) => isInSchemas(table, requested.includedSchemas));
  return {
    selection: {
      tables: included,
      schemas: included.length > 0 ? [] : requested.includedSchemas,
      excludedTables: excluded,
    },
    tableBytes: chosen.filter((table) => !isExcluded(table)).reduce((sum, table) => sum + table.sizeBytes, 0),
  };
}

function isInSchemas(table: CatalogueTable, schemas: readonly string[]): boolean {
  return schemas.length === 0 || schemas.includes(table.schema);
}

function findTable(
  catalogue: readonly CatalogueTable[],
  name: string,
  schemas: readonly string[],
): CatalogueTable | undefined {
  return (
    catalogue.find((table) => `${table.schema}.${table.name}` === name) ??
    catalogue.find((table) => table.name === name && isInSchemas(table, schemas))
  );
}

async function readTables(session: DatabaseSession): Promise<CatalogueTable[]> {
  const rows = await session.query<{ schema: string; name: string; size: string }>(
    `SELECT nspname AS schema, relname AS name, CASE WHEN relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END::text AS size
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'`,
  );
  return rows.map((row) => ({ schema: row.schema, name: row.name, sizeBytes: Number(row.size) }));
}
