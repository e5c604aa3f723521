/** Query: the restore or rollback that has a target already: there is never a second one beside it. */
import type { Finding } from '@holdfast/contracts/restores';
import type { EntityManager } from 'typeorm';
import { finding } from './finding.ts';

/** @param except a restore that is not in its own way */
export async function findActiveRestore(
  manager: EntityManager,
  targetKey: string,
  except: string | null,
): Promise<Finding[]> {
  const rows = (await manager.query(
    `SELECT 'Restore ' || operation_id AS what, 'restores/' || operation_id AS path FROM restore_operations
       WHERE target_key = $1 AND status IN ('pending', 'pre_backup', 'restoring') AND operation_id IS DISTINCT FROM $2::uuid
     UNION ALL
     SELECT 'Rollback ' || operation_id, 'rollbacks/' || operation_id FROM restore_rollbacks
       WHERE target_key = $1 AND status IN ('pending', 'running')`,
    [targetKey, except],
  )) as { what: string; path: string }[];
  return rows.map(({ what, path }) =>
    finding('IN_USE', `${what} has this target already.`, {
      remedy: `Wait until it has ended, or cancel it with POST /${path}/cancel.`,
    }),
  );
}
