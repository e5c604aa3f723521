/** Query: everything about a restore's target that its server tells, in bounded time and without changing anything. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { AffectedTable, ConnectedSessions } from '@holdfast/contracts/restores';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { digestCatalogue } from '@holdfast/platform/pgtools/catalogue-digest';
import type { ConnectOptions, DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { readDatabaseIdentity } from '@holdfast/platform/pgtools/database-identity';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { type Relation, readRelations } from '@holdfast/platform/pgtools/relations';
import { readServerFacts, type ServerFacts } from '@holdfast/platform/pgtools/role-rights';
import { readSwapBlockers, type SwapBlocker } from '@holdfast/platform/pgtools/swap-blockers';
import {
  databaseAddress,
  type DatabaseRow,
  type LookDeps,
  lookOptions,
  refuseOwnDatabase,
} from '../../databases/index.ts';
import { countRows } from './count-rows.ts';

export interface TargetServer {
  /** Of the server and the database, however they are reached. */
  readonly key: string;
  readonly facts: ServerFacts;
  readonly canEndSessions: boolean;
  /** For rows alone: nothing fires and nothing is checked row by row while they come. */
  readonly canSilenceTriggers: boolean;
  readonly missingRoles: readonly string[];
  /** Of those that the backup has, with the version that the server would install; null: none. */
  readonly extensions: readonly { readonly name: string; readonly available: string | null }[];
}

/** What is in the way of the name or of the contents of a database that exists. */
export interface TargetDatabase {
  readonly oid: string;
  readonly isTemplate: boolean;
  readonly sizeBytes: number | null;
  readonly ownsDatabase: boolean;
  readonly sessions: readonly ConnectedSessions[];
  readonly superuserSessions: number;
  readonly swapBlockers: readonly SwapBlocker[];
  readonly relations: readonly Relation[];
  /** Tables that this role may not drop or truncate. */
  readonly foreignOwned: readonly Relation[];
  readonly catalogueDigest: string;
  readonly tables: readonly AffectedTable[];
}

export interface Target {
  /** Of the target; where it does not exist yet, of the database that is registered. */
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
  readonly server: TargetServer;
  readonly database: TargetDatabase | null;
}

export interface LookAtTargetOptions {
  readonly row: DatabaseRow;
  readonly name: string;
  readonly manifest: Manifest;
}

/** @throws AppError CONNECTION_FAILED, TIMEOUT and what else connecting gives; INVALID_CONFIG for Holdfast's own database */
export async function lookAtTarget(
  deps: LookDeps,
  { row, name, manifest }: LookAtTargetOptions,
): Promise<Target> {
  const registered = databaseAddress(row, deps.secrets);
  const options = await lookOptions(deps);
  const { server, exists } = await lookWithin(registered, options, async (session) => ({
    server: await readServer(session, { row, name, manifest }),
    exists: (await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).length > 0,
  }));
  if (!exists) {
    return { address: registered, connect: options, server, database: null };
  }
  const address = { ...registered, database: name };
  const database = await lookWithin(address, options, async (session) => {
    await refuseOwnDatabase(deps.source, session);
    return await readDatabase(session, manifest);
  });
  return { address, connect: options, server, database };
}

async function readServer(
  session: DatabaseSession,
  { row, name, manifest }: LookAtTargetOptions,
): Promise<TargetServer> {
  const facts = await readServerFacts(session);
  const { systemIdentifier } = await readDatabaseIdentity((sql) => session.queryOne(sql));
  const { canEndSessions, missingRoles } = await session.queryOne<{
    canEndSessions: boolean;
    missingRoles: string[];
  }>(
    `SELECT pg_has_role('pg_signal_backend', 'USAGE') AS "canEndSessions",
       ARRAY(SELECT role FROM unnest($1::text[]) role WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)) AS "missingRoles"`,
    [manifest.database.roles],
  );
  const extensions = await session.query<{ name: string; available: string | null }>(
    `SELECT wanted.name, default_version AS available FROM unnest($1::text[]) wanted(name)
     LEFT JOIN pg_available_extensions available ON available.name = wanted.name`,
    [manifest.database.extensions.map((extension) => extension.name)],
  );
  const place = systemIdentifier ?? `${row.host.toLowerCase()}:${row.port}`;
  const canSilenceTriggers = await maySilenceTriggers(session, facts);
  return { key: `${place}/${name}`, facts, canEndSessions, canSilenceTriggers, missingRoles, extensions };
}

/** Since PostgreSQL 15 that right can be granted. */
async function maySilenceTriggers(
  session: DatabaseSession,
  { role, serverVersion }: ServerFacts,
): Promise<boolean> {
  if (role.isSuperuser || Number.parseInt(serverVersion, 10) < 15) {
    return role.isSuperuser;
  }
  const { may } = await session.queryOne<{ may: boolean }>(
    `SELECT has_parameter_privilege('session_replication_role', 'SET') AS may`,
  );
  return may;
}

async function readDatabase(session: DatabaseSession, manifest: Manifest): Promise<TargetDatabase> {
  const own = await session.queryOne<
    Pick<TargetDatabase, 'oid' | 'isTemplate' | 'ownsDatabase'> & { size: string }
  >(
    `SELECT oid::text, datistemplate AS "isTemplate", pg_has_role(datdba, 'USAGE') AS "ownsDatabase",
       pg_database_size(oid)::text AS size FROM pg_database WHERE datname = current_database()`,
  );
  const { size, ...facts } = own;
  const sessions = await session.query<ConnectedSessions & { isSuperuser: boolean }>(
    `SELECT usename::text AS user, application_name AS application, count(*)::int AS count, bool_or(rolsuper) AS "isSuperuser"
     FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND application_name !~ '^holdfast-[0-9a-f]{6}/'
     GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`,
  );
  const relations = await readRelations(session);
  const { role } = await session.queryOne<{ role: string[] }>(
    `SELECT ARRAY(SELECT rolname::text FROM pg_roles WHERE pg_has_role(oid, 'USAGE')) AS role`,
  );
  return {
    ...facts,
    sizeBytes: Number(size),
    sessions: sessions.map(({ user, application, count }) => ({ user, application, count })),
    superuserSessions: sessions
      .filter(({ isSuperuser }) => isSuperuser)
      .reduce((sum, { count }) => sum + count, 0),
    swapBlockers: await readSwapBlockers(session),
    relations,
    foreignOwned: relations.filter(({ owner, isOfExtension }) => !isOfExtension && !role.includes(owner)),
    catalogueDigest: await digestCatalogue(session),
    tables: await countRows(session, { relations, manifest }),
  };
}
