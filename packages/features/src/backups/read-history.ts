/** Query: what the latest backups of a database came to, the newest first. */
import type { EntityManager } from 'typeorm';
import type { EarlierBackup } from './project-size.ts';

const historyLength = 20;

export async function readHistory(manager: EntityManager, databaseId: number): Promise<EarlierBackup[]> {
  return (await manager.query(
    `SELECT backup_type AS "backupType", compression_type AS "compressionType", uncompressed_size::float8 AS "rawBytes",
       file_size::float8 AS "storedBytes", GREATEST(duration, 1) AS "durationSeconds", (metadata->>'tableBytes')::float8 AS "tableBytes"
     FROM admin_backups
     WHERE database_id = $1 AND status = 'completed' AND uncompressed_size IS NOT NULL AND source <> 'imported'
     ORDER BY completed_at DESC LIMIT ${historyLength}`,
    [databaseId],
  )) as EarlierBackup[];
}
