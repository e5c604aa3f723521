/** Queries of the coverage report: what a server says of itself, and what the catalogue holds of its databases. */
import { type BoundedOptions, lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { isSameDatabase, readDatabaseIdentity } from '@holdfast/platform/pgtools/database-identity';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { type Relation, readRelations } from '@holdfast/platform/pgtools/relations';
import { readServerFacts, type ServerFacts } from '@holdfast/platform/pgtools/role-rights';
import type { DataSource } from 'typeorm';
import { readOwnIdentity } from '../databases/index.ts';
import { isGood } from './good-backups.ts';

export interface LargeObjectFacts {
  readonly count: number;
  readonly unreadable: number;
}

export interface DatabaseFacts {
  readonly facts: ServerFacts;
  readonly relations: readonly Relation[];
  readonly largeObjects: LargeObjectFacts;
  readonly serverWide: ServerWideFacts;
}

/** The same whichever database of the server is asked. */
export interface ServerWideFacts {
  /** Databases that could be backed up; neither templates, nor Holdfast's own, nor its scratch databases. */
  readonly databases: readonly string[];
  readonly roles: number;
  readonly tablespaces: number;
}

/** @throws AppError as connecting does, TIMEOUT */
export async function readDatabaseFacts(
  metadata: DataSource,
  address: DatabaseAddress,
  options: BoundedOptions,
): Promise<DatabaseFacts> {
  return await lookWithin(address, options, async (session) => ({
    facts: await readServerFacts(session),
    relations: await readRelations(session),
    largeObjects: await readLargeObjects(session),
    serverWide: await readServerWide(metadata, session),
  }));
}

async function readLargeObjects(session: DatabaseSession): Promise<LargeObjectFacts> {
  // Grants to the role itself, to roles that it is a member of, and to everybody (grantee 0).
  return await session.queryOne<{ count: number; unreadable: number }>(
    `SELECT count(*)::int AS count, count(*) FILTER (WHERE NOT (
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR pg_has_role(lomowner, 'USAGE') OR EXISTS (
           SELECT FROM aclexplode(lomacl) WHERE privilege_type = 'SELECT' AND (grantee = 0 OR pg_has_role(grantee, 'USAGE')))))::int AS unreadable
     FROM pg_largeobject_metadata`,
  );
}

async function readServerWide(metadata: DataSource, session: DatabaseSession): Promise<ServerWideFacts> {
  const own = await readOwnIdentity(metadata);
  const here = await readDatabaseIdentity((sql) => session.queryOne(sql));
  const isOwnServer = isSameDatabase(own, { ...here, databaseOid: own.databaseOid });
  const databases = await session.query<{ name: string }>(
    `SELECT datname::text AS name FROM pg_database
     WHERE datallowconn AND NOT datistemplate AND oid::text <> $1
       AND COALESCE(shobj_description(oid, 'pg_database'), '') NOT LIKE 'Scratch database of Holdfast%'
     ORDER BY datname`,
    [isOwnServer ? own.databaseOid : '0'],
  );
  const counts = await session.queryOne<{ roles: number; tablespaces: number }>(
    `SELECT (SELECT count(*) FROM pg_roles WHERE NOT starts_with(rolname, 'pg_'))::int AS roles,
       (SELECT count(*) FROM pg_tablespace WHERE NOT starts_with(spcname, 'pg_'))::int AS tablespaces`,
  );
  return { databases: databases.map(({ name }) => name), ...counts };
}

export interface NewestBackup {
  readonly id: number;
  readonly backupType: string;
  readonly completedAt: Date;
  readonly proofLevel: 'stored' | 'listed' | 'restored' | null;
}

/** What storage holds of a database. */
export interface CataloguedDatabase {
  readonly newest: NewestBackup | null;
  readonly newestFullAt: Date | null;
  /** Of the server's roles and tablespaces, which ride along with a backup that asks for them. */
  readonly newestGlobalsAt: Date | null;
  /** Later than the newest good one, unusual, and accepted by nobody: the newest of them. */
  readonly unaccepted: { readonly id: number; readonly sentence: string } | null;
}

/** A database without any. */
export const neverBackedUp: CataloguedDatabase = {
  newest: null,
  newestFullAt: null,
  newestGlobalsAt: null,
  unaccepted: null,
};

/** By database id: the newest good backup, when the newest full one was, and what is waiting to be accepted. */
export async function readNewestBackups(source: DataSource): Promise<Map<number, CataloguedDatabase>> {
  const rows = (await source.query(
    `SELECT d.id AS "databaseId", newest.*, newest_full.at AS "newestFullAt", newest_globals.at AS "newestGlobalsAt",
       unaccepted.backup AS unaccepted
     FROM databases d
     LEFT JOIN LATERAL (
       SELECT id, backup_type AS "backupType", completed_at AS "completedAt", proof_level AS "proofLevel" FROM admin_backups b
       WHERE database_id = d.id AND ${isGood('b')} ORDER BY completed_at DESC LIMIT 1) newest ON true
     LEFT JOIN LATERAL (
       SELECT completed_at AS at FROM admin_backups b
       WHERE database_id = d.id AND ${isGood('b')} AND backup_type = 'full' ORDER BY completed_at DESC LIMIT 1) newest_full ON true
     LEFT JOIN LATERAL (
       SELECT completed_at AS at FROM admin_backups b
       WHERE database_id = d.id AND ${isGood('b')} AND include_globals ORDER BY completed_at DESC LIMIT 1) newest_globals ON true
     LEFT JOIN LATERAL (
       SELECT jsonb_build_object('id', b.id, 'sentence', b.anomalies->0->>'sentence') AS backup FROM admin_backups b
       WHERE database_id = d.id AND status = 'completed' AND is_anomalous
         AND (newest."completedAt" IS NULL OR b.completed_at > newest."completedAt")
       ORDER BY completed_at DESC LIMIT 1) unaccepted ON true
     WHERE d.deleted_at IS NULL`,
  )) as (Omit<NewestBackup, 'id'> &
    Omit<CataloguedDatabase, 'newest'> & { databaseId: number; id: number | null })[];
  return new Map(
    rows.map(({ databaseId, newestFullAt, newestGlobalsAt, unaccepted, id, ...newest }) => [
      databaseId,
      { newest: id === null ? null : { ...newest, id }, newestFullAt, newestGlobalsAt, unaccepted },
    ]),
  );
}
