/** Guesses how large the raw archive will be, from the tables' size and what earlier backups of this database came to. */
import type { EntityManager } from 'typeorm';
import type { BackupRow } from './backup.entity.ts';

/** COPY text per byte of heap and TOAST before there is any history: the demo forum's ratio, rounded. */
const usualRatio = 0.95;

export async function estimateRawBytes(
  manager: EntityManager,
  row: BackupRow,
  tableBytes: number,
): Promise<number> {
  const [earlier] = (await manager.query(
    `SELECT uncompressed_size::float8 / NULLIF((metadata->>'tableBytes')::float8, 0) AS ratio FROM admin_backups
     WHERE database_id = $1 AND backup_type = $2 AND status = 'completed' AND (metadata->>'tableBytes')::float8 > 0
     ORDER BY completed_at DESC LIMIT 1`,
    [row.databaseId, row.backupType],
  )) as { ratio: number | null }[];
  return Math.max(1, Math.round(tableBytes * (earlier?.ratio ?? usualRatio)));
}
