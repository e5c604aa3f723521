/** What the rows of backups come to, all of one moment. */
import type { EntityManager } from 'typeorm';
import { isGood } from './good-backups.ts';

export interface CountedGroup {
  readonly backupType: string;
  readonly source: string;
  readonly status: string;
  readonly count: number;
  readonly bytes: number;
  readonly protectedCount: number;
}

/** What the rows say; the settings are applied afresh each time. */
export interface BackupCounts {
  readonly groups: readonly CountedGroup[];
  readonly expired: { readonly count: number; readonly bytes: number };
  /** Ended in the last seven days. */
  readonly recent: {
    readonly completed: number;
    readonly failures: readonly { readonly code: string; readonly count: number }[];
  };
  readonly bytesAddedPerDay: number;
  /** Of the good ones. */
  readonly newestCompletedAt: Date | null;
  /** Completed, and with anomalies that nobody has accepted. */
  readonly anomalousCount: number;
}

const growthDays = 30;

/** In a transaction that sees one snapshot. */
export async function countBackups(manager: EntityManager): Promise<BackupCounts> {
  const query = async <Row>(sql: string): Promise<Row[]> => (await manager.query(sql)) as Row[];
  const groups = await query<CountedGroup & { bytes: string }>(
    `SELECT backup_type AS "backupType", source, status, count(*)::int AS count,
       (COALESCE(sum(file_size) FILTER (WHERE status IN ('completed', 'deleting')), 0) + COALESCE(sum(copied.bytes), 0))::text AS bytes,
       count(*) FILTER (WHERE is_protected)::int AS "protectedCount"
     FROM admin_backups LEFT JOIN (
       SELECT backup_id, sum(file_size) AS bytes FROM backup_copies WHERE status IN ('completed', 'deleting') GROUP BY backup_id
     ) copied ON copied.backup_id = id
     WHERE status <> 'deleted' GROUP BY backup_type, source, status`,
  );
  const [expired] = await query<{ count: number; bytes: string }>(
    `SELECT count(*)::int AS count, COALESCE(sum(file_size), 0)::text AS bytes FROM admin_backups
     WHERE status = 'completed' AND NOT is_protected AND expires_at <= now()`,
  );
  const recent = await query<{ status: string; code: string | null; count: number }>(
    `SELECT status, error_code AS code, count(*)::int AS count FROM admin_backups
     WHERE created_at > now() - interval '7 days' AND status IN ('completed', 'failed')
     GROUP BY status, error_code ORDER BY count(*) DESC, error_code`,
  );
  const [growth] = await query<{ bytes: string; days: number; newest: Date | null }>(
    `SELECT COALESCE(sum(file_size), 0)::text AS bytes, max(completed_at) AS newest,
       GREATEST(1, LEAST(${growthDays}, EXTRACT(EPOCH FROM now() - (SELECT min(created_at) FROM admin_backups)) / 86400))::float8 AS days
     FROM admin_backups
     WHERE created_at > now() - interval '${growthDays} days' AND status IN ('completed', 'deleting')`,
  );
  const [newest] = await query<{ at: Date | null }>(
    `SELECT max(completed_at) AS at FROM admin_backups b WHERE ${isGood('b')}`,
  );
  const [anomalous] = await query<{ count: number }>(
    `SELECT count(*)::int AS count FROM admin_backups WHERE is_anomalous AND status = 'completed'`,
  );
  return {
    groups: groups.map((group) => ({ ...group, bytes: Number(group.bytes) })),
    expired: { count: expired?.count ?? 0, bytes: Number(expired?.bytes ?? 0) },
    recent: {
      completed: recent.find(({ status }) => status === 'completed')?.count ?? 0,
      failures: recent
        .filter(({ status }) => status === 'failed')
        .map(({ code, count }) => ({ code: code ?? 'INTERNAL', count })),
    },
    bytesAddedPerDay: Number(growth?.bytes ?? 0) / (growth?.days ?? 1),
    newestCompletedAt: newest?.at ?? null,
    anomalousCount: anomalous?.count ?? 0,
  };
}
