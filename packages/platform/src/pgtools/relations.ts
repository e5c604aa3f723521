/** The tables, views and sequences of a database, and whether a dump by this role would see all of what is in them. */
import type { DatabaseSession } from './database-session.ts';
import type { QualifiedName } from './pg-dump.ts';

export type RelationKind =
  | 'table'
  | 'partitioned_table'
  | 'view'
  | 'materialized_view'
  | 'foreign_table'
  | 'sequence';

export interface Relation extends QualifiedName {
  readonly kind: RelationKind;
  readonly estimatedRows: number | null;
  readonly sizeBytes: number | null;
  readonly isReadable: boolean;
  /** Row-level security hides rows from this role. */
  readonly isFiltered: boolean;
  readonly isUnlogged: boolean;
  /** Made by an extension and not marked by it as holding data: a dump leaves it out. */
  readonly isOfExtension: boolean;
  readonly owner: string;
  /** Of a foreign table. */
  readonly foreignServer: string | null;
}

const kinds = `CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned_table' WHEN 'v' THEN 'view'
  WHEN 'm' THEN 'materialized_view' WHEN 'f' THEN 'foreign_table' ELSE 'sequence' END`;

/** As a table to select from and filter: every relation that is not the system's. Sizes are asked for only where they are selected. */
export const relationsQuery = `
  SELECT c.oid, nspname AS schema, relname AS name, ${kinds} AS kind,
    CASE WHEN relkind IN ('r', 'p', 'm', 'f') AND reltuples >= 0 THEN reltuples END AS "estimatedRows",
    relkind IN ('r', 'm', 'S') AS "hasStorage",
    -- Null where it was dropped after our snapshot: what is gone hides nothing, and the dump itself will say so.
    COALESCE(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), true) AS "isReadable",
    relkind = 'r' AND COALESCE(row_security_active(c.oid), false) AS "isFiltered",
    relpersistence = 'u' AS "isUnlogged",
    EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND c.oid <> ALL (COALESCE(e.extconfig, '{}'))) AS "isOfExtension",
    pg_get_userbyid(relowner)::text AS owner,
    (SELECT srvname::text FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) AS "foreignServer"
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
    AND nspname !~ '^pg_' AND nspname <> 'information_schema'`;

/** All of them, without sizes. */
export async function readRelations(session: DatabaseSession): Promise<Relation[]> {
  const rows = await session.query<Omit<Relation, 'sizeBytes'>>(
    `SELECT schema, name, kind, "estimatedRows", "isReadable", "isFiltered", "isUnlogged", "isOfExtension", owner, "foreignServer"
     FROM (${relationsQuery}) relation ORDER BY schema, name`,
  );
  return rows.map((row) => ({ ...row, sizeBytes: null }));
}

/** A dump locks tables and reads sequences; for views and foreign tables it reads the definition alone. */
export function isUnreadable(relation: Relation): boolean {
  return (
    !relation.isReadable &&
    !relation.isOfExtension &&
    ['table', 'partitioned_table', 'sequence'].includes(relation.kind)
  );
}

/** pg_dump refuses such a table; told to go on it would silently dump the visible rows alone. */
export function isFilteredByRowSecurity(relation: Relation): boolean {
  return relation.isFiltered && !relation.isOfExtension;
}
