/** Query: what uses the file of a backup just now, as a sentence. In the transaction that holds the backup's row. */
import type { EntityManager } from 'typeorm';

/** Null where nothing does. */
export async function findUse(manager: EntityManager, backupId: number): Promise<string | null> {
  const [use] = (await manager.query(
    `SELECT 'Drill ' || operation_id || ' uses' AS what FROM drills WHERE backup_id = $1 AND status IN ('pending', 'running')
     UNION ALL
     SELECT 'Restore ' || operation_id || ' uses' FROM restore_operations
       WHERE (source_backup_id = $1 OR pre_restore_backup_id = $1) AND status IN ('pending', 'pre_backup', 'restoring')
     UNION ALL
     SELECT 'Restore ' || operation_id || ' would be undone with' FROM restore_operations
       WHERE pre_restore_backup_id = $1 AND can_rollback AND rolled_back_at IS NULL AND rollback_expires_at > clock_timestamp()
     UNION ALL
     SELECT 'Verification ' || operation_id || ' uses' FROM verifications WHERE backup_id = $1 AND status IN ('pending', 'running')
     UNION ALL
     SELECT 'Copy ' || id || ' is made from' FROM backup_copies WHERE backup_id = $1 AND status = 'running'
     UNION ALL
     SELECT 'A download reads' FROM download_leases WHERE backup_id = $1 AND held_until > clock_timestamp()
     LIMIT 1`,
    [backupId],
  )) as { what: string }[];
  return use === undefined ? null : `${use.what} backup ${backupId}.`;
}

/** The same of a copy that is there. */
export async function findUseOfCopy(manager: EntityManager, copyId: string): Promise<string | null> {
  const [use] = (await manager.query(
    `SELECT 'Drill ' || operation_id AS what FROM drills WHERE copy_id = $1 AND status IN ('pending', 'running')
     UNION ALL
     SELECT 'Restore ' || operation_id FROM restore_operations
       WHERE copy_id = $1 AND status IN ('pending', 'pre_backup', 'restoring')
     UNION ALL
     SELECT 'Verification ' || operation_id FROM verifications WHERE copy_id = $1 AND status IN ('pending', 'running')
     LIMIT 1`,
    [copyId],
  )) as { what: string }[];
  return use === undefined ? null : `${use.what} uses copy ${copyId}.`;
}
