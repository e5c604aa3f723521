/** Query: which backups may go by themselves, and by which rule. The one plan: previews show it, cleaning up and making room follow it. */
import type { RemovableBackup, RetentionRule } from '@holdfast/contracts/retention';
import type { EntityManager } from 'typeorm';
import { readSettings } from '../../settings/index.ts';
import { hasGoodSuccessor, isGood } from '../good-backups.ts';

interface Found {
  readonly id: number;
  readonly displayName: string;
  readonly databaseName: string;
  readonly completedAt: Date;
  readonly fileSize: number;
  readonly source: string;
  readonly position: number | null;
  readonly expiredAt: Date | null;
}

/**
 * The oldest first. Whatever the rule, only what is not protected and what a later good backup holds too (docs/adr/0014). Counts are of good
 * backups, so that a run of bad ones pushes no good one out.
 * @param target of the bytes that are wanted back; null for any
 */
export async function planCleanup(
  manager: EntityManager,
  target: string | null = null,
): Promise<RemovableBackup[]> {
  const { maxManualBackups, maxScheduledBackups } = await readSettings(manager);
  const limits = { manual: maxManualBackups, scheduled: maxScheduledBackups };
  const found = (await manager.query(
    `WITH counted AS (
       SELECT id, row_number() OVER (PARTITION BY source ORDER BY completed_at DESC, id DESC) AS position
       FROM admin_backups good WHERE ${isGood('good')} AND source IN ('manual', 'scheduled')
     )
     SELECT old.id, old.display_name AS "displayName", old.database_name AS "databaseName", old.completed_at AS "completedAt",
       old.file_size::float8 AS "fileSize", old.source, counted.position::int AS position,
       CASE WHEN old.expires_at < clock_timestamp() THEN old.expires_at END AS "expiredAt"
     FROM admin_backups old LEFT JOIN counted ON counted.id = old.id
     WHERE old.status = 'completed' AND NOT old.is_protected
       AND (old.expires_at < clock_timestamp()
         OR counted.position > CASE old.source WHEN 'manual' THEN $1::int ELSE $2::int END)
       AND ($3::text IS NULL OR old.storage_target = $3
         OR EXISTS (SELECT FROM backup_copies copy WHERE copy.backup_id = old.id AND copy.storage_target = $3 AND copy.status = 'completed'))
       AND ${hasGoodSuccessor('old')}
     ORDER BY old.completed_at, old.id`,
    [limits.manual, limits.scheduled, target],
  )) as Found[];
  return found.map((row) => ({
    backupId: row.id,
    displayName: row.displayName,
    databaseName: row.databaseName,
    completedAt: row.completedAt.toISOString(),
    fileSize: row.fileSize,
    ...ruleOf(row, limits),
  }));
}

function ruleOf(
  { expiredAt, source, position }: Found,
  limits: Readonly<Record<'manual' | 'scheduled', number>>,
): { rule: RetentionRule; reason: string } {
  if (expiredAt !== null) {
    return { rule: 'expires_at', reason: `It expired at ${expiredAt.toISOString()}.` };
  }
  const kind = source === 'manual' ? 'manual' : 'scheduled';
  const rule = kind === 'manual' ? 'max_manual_backups' : 'max_scheduled_backups';
  return {
    rule,
    reason: `${position} good ${kind} backups are as new or newer, this one included; ${rule} keeps ${limits[kind]}.`,
  };
}
