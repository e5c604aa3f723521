/** Query: what earlier good backups of the same database, type, selection and format came to, the newest first. */
import type { Anomaly } from '@holdfast/contracts/anomalies';
import { literalPattern } from '@holdfast/platform/pgtools/quote';
import { displayName } from '@holdfast/platform/pgtools/selected-name';
import type { EntityManager } from 'typeorm';
import type { BackupRow } from '../backup.entity.ts';
import type { EarlierFigures } from './judge-anomalies.ts';

/** More would hold on to what the database was long ago, and to as many manifests in memory; fewer, and two odd ones turn the median. */
const historyLength = 10;

interface HistoryRow extends Omit<EarlierFigures, 'tables' | 'accepted'> {
  readonly accepted: Anomaly[];
  readonly tables: [schema: string, name: string, rows: number][];
}

/**
 * Deleted ones and those damaged since tell as well what the database was when they were made; one that is marked, and accepted by nobody,
 * does not.
 */
export async function readHistory(manager: EntityManager, row: BackupRow): Promise<EarlierFigures[]> {
  const rows = (await manager.query(
    `SELECT file_size::float8 AS "storedBytes", uncompressed_size::float8 AS "rawBytes", duration::float8 AS "durationSeconds",
       compression_type = $4 AND compression_level IS NOT DISTINCT FROM $5 AND jobs = $6 AS "isCompressedAlike",
       anomalies AS accepted,
       COALESCE((SELECT jsonb_agg(jsonb_build_array(entry->'schema', entry->'name', entry->'rows'))
         FROM jsonb_array_elements(manifest->'tables') entry), '[]') AS tables
     FROM admin_backups
     WHERE database_id = $1 AND backup_type = $2 AND backup_format = $3 AND checksum_sha256 IS NOT NULL
       AND NOT is_anomalous AND source <> 'imported' AND id <> $7
       AND included_tables = CAST($8 AS jsonb) AND included_schemas = CAST($9 AS jsonb) AND excluded_tables = CAST($10 AS jsonb)
       AND excluded_table_data = CAST($11 AS jsonb) AND selection_patterns = $12
     ORDER BY completed_at DESC LIMIT ${historyLength}`,
    [
      row.databaseId,
      row.backupType,
      row.backupFormat,
      row.compressionType,
      row.compressionLevel,
      row.jobs,
      row.id,
      ...[row.includedTables, row.includedSchemas, row.excludedTables, row.excludedTableData].map((names) =>
        JSON.stringify(names),
      ),
      row.selectionPatterns,
    ],
  )) as HistoryRow[];
  return rows.map(({ tables, ...same }) => ({
    ...same,
    tables: rowsByTable(tables.map(([schema, name, count]) => ({ schema, name, rows: count }))),
  }));
}

export function rowsByTable(
  tables: readonly { readonly schema: string; readonly name: string; readonly rows: number }[],
): Map<string, number> {
  return new Map(tables.map((table) => [nameOf(table), table.rows]));
}

/** Quoted where the plain form could mean two tables. */
function nameOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return /[."]/.test(schema + name) ? literalPattern(schema, name) : displayName({ schema, name });
}
