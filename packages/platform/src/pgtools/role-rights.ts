/** Who we are on a server and what that allows: asked before it is needed. */
import type { DatabaseSession } from './database-session.ts';

export interface RoleRights {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly canCreateDatabases: boolean;
  readonly bypassesRowSecurity: boolean;
  readonly ownsDatabase: boolean;
}

export interface ServerFacts {
  readonly serverVersion: string;
  readonly isEncrypted: boolean;
  readonly isInRecovery: boolean;
  readonly isReadOnly: boolean;
  /** Null where the role may not ask. */
  readonly databaseSizeBytes: number | null;
  readonly role: RoleRights;
}

/** `isReadOnly` is the server's or the role's own default, so it has to be asked before a session sets another. */
export async function readServerFacts(session: DatabaseSession): Promise<ServerFacts> {
  const row = await session.queryOne<
    Omit<ServerFacts, 'databaseSizeBytes' | 'role'> & RoleRights & { size: string | null }
  >(
    `SELECT current_setting('server_version') AS "serverVersion",
       COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS "isEncrypted",
       pg_is_in_recovery() AS "isInRecovery",
       (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only') = 'on' AS "isReadOnly",
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid)::text END AS size,
       rolname::text AS name, rolsuper AS "isSuperuser", rolcreatedb OR rolsuper AS "canCreateDatabases",
       rolbypassrls OR rolsuper AS "bypassesRowSecurity", pg_has_role(datdba, 'USAGE') AS "ownsDatabase"
     FROM pg_roles r, pg_database d WHERE rolname = current_user AND datname = current_database()`,
  );
  const { serverVersion, isEncrypted, isInRecovery, isReadOnly, size, ...role } = row;
  return {
    serverVersion,
    isEncrypted,
    isInRecovery,
    isReadOnly,
    databaseSizeBytes: size === null ? null : Number(size),
    role,
  };
}
