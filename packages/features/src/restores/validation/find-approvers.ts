/** Query: how many people other than one could approve what that one wants to restore. */
import type { EntityManager } from 'typeorm';

export async function countApprovers(
  manager: EntityManager,
  userId: string,
  allowedRoles: readonly string[],
): Promise<number> {
  const [row] = (await manager.query(
    `SELECT count(*)::int AS count FROM users WHERE user_id <> $1 AND is_active AND role = ANY ($2)`,
    [userId, [...allowedRoles, 'super-admin']],
  )) as [{ count: number }];
  return row.count;
}
