/** What works on a registered database now or will soon, in words. */
import type { EntityManager } from 'typeorm';

const mostNamed = 5;

export async function activeOperations(manager: EntityManager, databaseId: number): Promise<string[]> {
  const rows = (await manager.query(
    `SELECT * FROM (
       SELECT 'Backup ' || id AS name FROM admin_backups WHERE database_id = $1 AND status IN ('pending', 'running')
       UNION ALL
       SELECT 'Drill ' || operation_id FROM drills JOIN admin_backups ON admin_backups.id = backup_id
         WHERE database_id = $1 AND drills.status IN ('pending', 'running')
       UNION ALL
       SELECT 'Restore ' || operation_id FROM restore_operations
         WHERE database_id = $1 AND status IN ('pending', 'pre_backup', 'restoring')
       UNION ALL
       SELECT 'Rollback ' || rollback.operation_id FROM restore_rollbacks rollback
         JOIN restore_operations restore ON restore.operation_id = rollback.restore_operation_id
         WHERE restore.database_id = $1 AND rollback.status IN ('pending', 'running')
     ) active LIMIT ${mostNamed}`,
    [databaseId],
  )) as { name: string }[];
  return rows.map((row) => row.name);
}

/** Schedules that would ask for a backup of it again. */
export async function activeSchedules(manager: EntityManager, databaseId: number): Promise<string[]> {
  const rows = (await manager.query(
    `SELECT format('%s (%s)', name, id) AS name FROM backup_schedules WHERE database_id = $1 AND is_active LIMIT ${mostNamed}`,
    [databaseId],
  )) as { name: string }[];
  return rows.map((row) => row.name);
}
