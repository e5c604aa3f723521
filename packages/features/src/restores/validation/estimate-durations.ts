/** Query: how long restoring takes, from what was measured; each figure says where it comes from. */
import type { EntityManager } from 'typeorm';
import type { CompletedBackup } from '../../backups/index.ts';

export interface Durations {
  readonly restoreMs: number;
  readonly verifyMs: number;
  readonly safetyBackupMs: number;
  /** For which connections are refused in a swap; null where none was measured yet. */
  readonly swapMs: number | null;
  readonly basis: string;
}

interface Rates {
  readonly count: number;
  /** Milliseconds for a byte of the uncompressed archive. */
  readonly restore: number | null;
  readonly verify: number | null;
}

export async function estimateDurations(manager: EntityManager, backup: CompletedBackup): Promise<Durations> {
  const bytes = backup.manifest.file.uncompressedBytes;
  const [own, all] = [await readRates(manager, backup.databaseId), await readRates(manager, null)];
  const dumpMs = await readDumpMs(manager, backup);
  const swapMs = await readSwapMs(manager, backup.databaseId);
  const rates = own.count > 0 ? own : all;
  if (rates.count === 0) {
    return {
      restoreMs: dumpMs,
      verifyMs: dumpMs,
      safetyBackupMs: dumpMs,
      swapMs,
      basis: `model: nothing was restored here yet, so restoring and verifying are each taken to last as long as this backup took to make (${say(dumpMs)})`,
    };
  }
  return {
    restoreMs: (rates.restore ?? 0) * bytes,
    verifyMs: (rates.verify ?? 0) * bytes,
    safetyBackupMs: dumpMs,
    swapMs,
    basis:
      own.count > 0
        ? `median of ${own.count} drills and restores of this database, by size`
        : `median of ${all.count} drills and restores of other databases of this installation, by size`,
  };
}

/** Of the newest ones: machines and settings change. */
async function readRates(manager: EntityManager, databaseId: number | null): Promise<Rates> {
  const [row] = (await manager.query(
    `SELECT count(*)::int AS count,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY restore_ms / bytes) AS restore,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY verify_ms / bytes) AS verify
     FROM (
       SELECT (result->>'restoreDurationMs')::float AS restore_ms, (result->>'verifyDurationMs')::float AS verify_ms, bytes
       FROM (
         SELECT drills.completed_at, result, uncompressed_size::float AS bytes FROM drills JOIN admin_backups backup ON backup.id = backup_id
           WHERE drills.status = 'completed' AND ($1::int IS NULL OR backup.database_id = $1)
         UNION ALL
         SELECT restore.completed_at, verification, uncompressed_size FROM restore_operations restore
           JOIN admin_backups backup ON backup.id = source_backup_id
           WHERE restore.status = 'completed' AND restore_type = 'full' AND verification IS NOT NULL
             AND ($1::int IS NULL OR backup.database_id = $1)
       ) measured WHERE bytes > 0 ORDER BY completed_at DESC LIMIT 20
     ) newest`,
    [databaseId],
  )) as [Rates];
  return row;
}

/** Of the newest whole backups of the database; this one's where there is none with its duration. */
async function readDumpMs(
  manager: EntityManager,
  { databaseId, duration }: CompletedBackup,
): Promise<number> {
  const [row] = (await manager.query(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) AS seconds
     FROM (SELECT duration FROM admin_backups
       WHERE database_id = $1 AND status = 'completed' AND backup_type = 'full' AND duration IS NOT NULL
       ORDER BY completed_at DESC LIMIT 10) newest`,
    [databaseId],
  )) as [{ seconds: number | null }];
  return (row.seconds ?? duration ?? 1) * 1000;
}

async function readSwapMs(manager: EntityManager, databaseId: number): Promise<number | null> {
  const [row] = (await manager.query(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (metadata->>'closedMs')::float) AS ms
     FROM (SELECT metadata FROM restore_operations
       WHERE database_id = $1 AND strategy = 'swap' AND status = 'completed' AND metadata ? 'closedMs'
       ORDER BY completed_at DESC LIMIT 10) newest`,
    [databaseId],
  )) as [{ ms: number | null }];
  return row.ms;
}

/** For example `40 ms`, `12 s`, `3 min`. */
export function say(durationMs: number): string {
  if (durationMs < 1_000) {
    return `${Math.ceil(durationMs)} ms`;
  }
  return durationMs < 120_000
    ? `${Math.round(durationMs / 1000)} s`
    : `${Math.round(durationMs / 60_000)} min`;
}
