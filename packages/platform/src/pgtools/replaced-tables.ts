/**
 * Finds tables that somebody replaced or emptied between a snapshot and the moment a dump locked them. Definitions and TRUNCATE take effect
 * for older snapshots too: such a table is dumped without a row, whatever the snapshot held, and pg_dump says nothing of it.
 */
import type { DatabaseSession } from './database-session.ts';
import type { CatalogueTable } from './selection-catalogue.ts';

export type SnapshotTable = Pick<CatalogueTable, 'schema' | 'name' | 'oid' | 'fileNode'>;

/**
 * @param session outside the snapshot
 * @param empty what was dumped without a row, as the snapshot knew it
 * @returns those of them that are another table, or have other storage, by now: also where that came after the dump, so they are suspects
 */
export async function findReplacedTables(
  session: DatabaseSession,
  empty: readonly SnapshotTable[],
): Promise<SnapshotTable[]> {
  if (empty.length === 0) {
    return [];
  }
  const same = await session.query<{ oid: number }>(
    `SELECT seen.oid::int8::float8 AS oid FROM unnest($1::text[], $2::text[], $3::oid[], $4::oid[]) AS seen (schema, name, oid, file_node)
     JOIN pg_class c ON c.oid = seen.oid AND relname = seen.name AND relfilenode = seen.file_node
     JOIN pg_namespace n ON n.oid = relnamespace AND nspname = seen.schema`,
    [
      empty.map(({ schema }) => schema),
      empty.map(({ name }) => name),
      empty.map(({ oid }) => oid),
      empty.map(({ fileNode }) => fileNode),
    ],
  );
  const unchanged = new Set(same.map(({ oid }) => oid));
  return empty.filter(({ oid }) => !unchanged.has(oid));
}
