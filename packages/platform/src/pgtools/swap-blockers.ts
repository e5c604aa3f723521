/** What ties something outside a database to it, so that another can't take its name without breaking that. */
import type { DatabaseSession } from './database-session.ts';

export const swapBlockerKinds = [
  'replication_slot',
  'subscription',
  'publication',
  'prepared_transaction',
] as const;

export interface SwapBlocker {
  readonly kind: (typeof swapBlockerKinds)[number];
  readonly name: string;
}

/** @param session in the database that would be swapped */
export async function readSwapBlockers(session: DatabaseSession): Promise<SwapBlocker[]> {
  return await session.query<{ kind: SwapBlocker['kind']; name: string }>(
    `SELECT 'replication_slot' AS kind, slot_name::text AS name FROM pg_replication_slots WHERE database = current_database()
     UNION ALL
     SELECT 'subscription', subname::text FROM pg_subscription
       WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     UNION ALL
     SELECT 'publication', pubname::text FROM pg_publication
     UNION ALL
     SELECT 'prepared_transaction', gid FROM pg_prepared_xacts WHERE database = current_database()
     ORDER BY 1, 2`,
  );
}

/** Why it stands in the way, and what to do. */
export function explainSwapBlocker({ kind, name }: SwapBlocker): { detail: string; remediation: string } {
  switch (kind) {
    case 'replication_slot':
      return {
        detail: `The logical replication slot "${name}" decodes the changes of this database and would go on with the one put aside.`,
        remediation: `Drop it (SELECT pg_drop_replication_slot('${name}')) and set up replication anew afterwards, or restore in place.`,
      };
    case 'subscription':
      return {
        detail: `The subscription "${name}" writes into this database and would go on writing into the one put aside.`,
        remediation: `Drop it (DROP SUBSCRIPTION) and subscribe anew afterwards, or restore in place.`,
      };
    case 'publication':
      return {
        detail: `The publication "${name}" sends the changes of this database to subscribers, which would never hear of the restored one.`,
        remediation: `Drop it (DROP PUBLICATION) and publish anew afterwards, or restore in place.`,
      };
    case 'prepared_transaction':
      return {
        detail: `The prepared transaction "${name}" is open in this database; PostgreSQL renames none while there is one.`,
        remediation: `COMMIT PREPARED or ROLLBACK PREPARED '${name}'.`,
      };
  }
}
