/** What the catalogue of a database offers to a selection: its schemas, and its relations with size and parentage. */
import type { DatabaseSession } from './database-session.ts';
import type { QualifiedName } from './pg-dump.ts';

export interface CatalogueTable extends QualifiedName {
  readonly oid: number;
  /** pg_class.relfilenode: another one after TRUNCATE, or a definition that rewrites; 0 where it has no file of its own. */
  readonly fileNode: number;
  /** pg_class.relkind: r table, p partitioned, m materialized view, v view, f foreign, S sequence. */
  readonly kind: string;
  /** Heap, TOAST and free space of what a dump reads rows from; 0 for everything else. */
  readonly sizeBytes: number;
  /** Tables whose rows it holds a part of: partitioned tables, and parents by inheritance. */
  readonly parents: readonly number[];
}

export interface SelectionCatalogue {
  readonly encoding: string;
  readonly schemas: readonly string[];
  readonly tables: readonly CatalogueTable[];
}

interface TableRow {
  oid: number;
  fileNode: number;
  schema: string;
  name: string;
  kind: string;
  size: string | null;
  parents: number[];
}

export async function readSelectionCatalogue(session: DatabaseSession): Promise<SelectionCatalogue> {
  const { encoding } = await session.queryOne<{ encoding: string }>(
    `SELECT current_setting('server_encoding') AS encoding`,
  );
  const schemas = await session.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
  );
  // oids as numbers: the driver gives them as such, and 32 bits fit.
  const rows = await session.query<TableRow>(
    `SELECT c.oid, relfilenode AS "fileNode", nspname AS schema, relname AS name, relkind::text AS kind,
       CASE WHEN relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END::text AS size,
       ARRAY(SELECT inhparent FROM pg_inherits WHERE inhrelid = c.oid) AS parents
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
     ORDER BY 2, 3`,
  );
  return {
    encoding,
    schemas: schemas.map((row) => row.name),
    // A table that was dropped since the snapshot has no size any more.
    tables: rows.map(({ size, ...row }) => ({ ...row, sizeBytes: Number(size ?? 0) })),
  };
}
