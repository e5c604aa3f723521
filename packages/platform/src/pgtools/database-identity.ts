/** Tells whether two addresses lead to the same database, by what the server says of itself rather than by how it was reached. */

export interface DatabaseIdentity {
  /** Of the cluster, standbys included; null where the role may not ask. */
  readonly systemIdentifier: string | null;
  readonly serverStartedAt: string;
  readonly databaseOid: string;
}

/** Runs a query that has one row. */
type QueryOne = <Row extends Record<string, unknown>>(sql: string) => Promise<Row>;

export async function readDatabaseIdentity(queryOne: QueryOne): Promise<DatabaseIdentity> {
  const { mayAsk, ...rest } = await queryOne<{
    mayAsk: boolean;
    serverStartedAt: string;
    databaseOid: string;
  }>(`SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS "mayAsk",
        extract(epoch FROM pg_postmaster_start_time())::text AS "serverStartedAt", oid::text AS "databaseOid"
      FROM pg_database WHERE datname = current_database()`);
  if (!mayAsk) {
    return { systemIdentifier: null, ...rest };
  }
  const { id } = await queryOne<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  return { systemIdentifier: id, ...rest };
}

/** Without identifiers of both clusters, the microsecond at which the server started tells servers apart well enough. */
export function isSameDatabase(one: DatabaseIdentity, other: DatabaseIdentity): boolean {
  const isSameServer =
    one.systemIdentifier !== null && other.systemIdentifier !== null
      ? one.systemIdentifier === other.systemIdentifier
      : one.serverStartedAt === other.serverStartedAt;
  return isSameServer && one.databaseOid === other.databaseOid;
}
