/** Query: the newest backup of each set of recipients that a stored one is encrypted for. */
import { type EntityManager, In } from 'typeorm';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';

export interface NewestEncrypted {
  readonly recipientSet: string;
  readonly backup: BackupRow;
}

/** How a set is written in rows, as the generated column of the backups has it. */
export function recipientSetOf(recipients: readonly string[]): string {
  return [...new Set(recipients)].sort().join(' ');
}

/** A file that is known to be damaged tells nothing of a key. */
export async function readNewestEncrypted(manager: EntityManager): Promise<NewestEncrypted[]> {
  // From one set to the next along the index: there may be a million backups, but only a few sets.
  const rows = (await manager.query(
    `WITH RECURSIVE used(recipients) AS (
       (SELECT recipient_set FROM admin_backups WHERE status = 'completed' AND recipient_set IS NOT NULL ORDER BY recipient_set LIMIT 1)
       UNION ALL
       SELECT (SELECT recipient_set FROM admin_backups
               WHERE status = 'completed' AND recipient_set IS NOT NULL AND recipient_set > used.recipients ORDER BY recipient_set LIMIT 1)
       FROM used WHERE used.recipients IS NOT NULL)
     SELECT used.recipients AS "recipientSet", newest.id FROM used CROSS JOIN LATERAL (
       SELECT id FROM admin_backups WHERE recipient_set = used.recipients AND status = 'completed' AND damaged_at IS NULL
       ORDER BY completed_at DESC LIMIT 1) newest
     ORDER BY used.recipients`,
  )) as { recipientSet: string; id: number }[];
  const backups = await manager.findBy(BackupEntity, { id: In(rows.map(({ id }) => id)) });
  return rows.flatMap(({ recipientSet, id }) => {
    const backup = backups.find((candidate) => candidate.id === id);
    return backup === undefined ? [] : [{ recipientSet, backup }];
  });
}
