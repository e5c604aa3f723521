/** Guesses how many bytes a backup will store: the raw archive's estimate times what compression reached before. */
import type { CompressionType } from '@holdfast/contracts/backups';
import type { EntityManager } from 'typeorm';
import type { BackupRow } from './backup.entity.ts';

/** Before there is any history: stored bytes per raw byte of the demo forum (prose and jsonb), as measured with the default levels. */
const usualRatio: Readonly<Record<CompressionType, number>> = { none: 1, gzip: 0.34, zstd: 0.33 };

/** A schema without rows: there is nothing to measure beforehand, and it is never large. */
const usualSchemaBytes = 1024 * 1024;

/** `rawBytes`: null where only the schema is dumped. */
export async function estimateStoredBytes(
  manager: EntityManager,
  row: Pick<BackupRow, 'databaseId' | 'compressionType' | 'backupType'>,
  rawBytes: number | null,
): Promise<number> {
  const [earlier] = (await manager.query(
    `SELECT file_size::float8 AS size, file_size::float8 / NULLIF(uncompressed_size, 0) AS ratio FROM admin_backups
     WHERE database_id = $1 AND compression_type = $2 AND (backup_type = 'schema') = $3 AND status = 'completed'
     ORDER BY completed_at DESC LIMIT 1`,
    [row.databaseId, row.compressionType, row.backupType === 'schema'],
  )) as { size: number; ratio: number | null }[];
  return rawBytes === null
    ? (earlier?.size ?? usualSchemaBytes)
    : Math.ceil(rawBytes * (earlier?.ratio ?? usualRatio[row.compressionType]));
}
