/** Opens the snapshot that a dump will see, and reads in it what the manifest says of the database. */
import type { Manifest } from '@holdfast/contracts/manifest';
import { type ConstraintFacts, readConstraints } from './constraints.ts';
import type { ConnectOptions, DatabaseAddress } from './database-address.ts';
import { DatabaseSession } from './database-session.ts';

export type SourceFacts = Omit<Manifest['database'], 'clientVersion' | 'roles'>;

export interface SourceSnapshot {
  readonly session: DatabaseSession;
  readonly snapshotId: string;
  readonly facts: SourceFacts;
  readonly constraints: ConstraintFacts;
  /** Lets the server forget the snapshot; the dump keeps its own copy once it has started. Harmless twice. */
  release(): Promise<void>;
}

/** @throws AppError as DatabaseSession.open, LOCKED, and whatever the server refuses. */
export async function openSourceSnapshot(
  address: DatabaseAddress,
  connect: ConnectOptions,
  lockWaitTimeoutMs: number,
): Promise<SourceSnapshot> {
  const session = await DatabaseSession.open(address, connect);
  try {
    // Sizes of tables ask for a lock, as the dump itself does.
    await session.query(`SET lock_timeout = ${Math.round(lockWaitTimeoutMs)}`);
    await session.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const { id } = await session.queryOne<{ id: string }>('SELECT pg_export_snapshot() AS id');
    return {
      session,
      snapshotId: id,
      facts: await readFacts(session),
      constraints: await readConstraints(session),
      release: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

interface FactsRow {
  name: string;
  server_version: string;
  encoding: string;
  collate: string;
  ctype: string;
  locale_provider: string;
  icu_locale: string | null;
  size_bytes: string;
  snapshot_lsn: string | null;
}

async function readFacts(session: DatabaseSession): Promise<SourceFacts> {
  // Columns that came or changed their name with a major version are read as JSON, where absent ones are null.
  const row = await session.queryOne<FactsRow>(
    `SELECT datname AS name, current_setting('server_version') AS server_version, pg_encoding_to_char(encoding) AS encoding,
       datcollate AS collate, datctype AS ctype,
       CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS locale_provider,
       COALESCE(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS icu_locale,
       pg_database_size(oid)::text AS size_bytes,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS snapshot_lsn
     FROM pg_database d WHERE datname = current_database()`,
  );
  const extensions = await session.query<{ name: string; version: string }>(
    'SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY extname',
  );
  return {
    name: row.name,
    serverVersion: row.server_version,
    encoding: row.encoding,
    collate: row.collate,
    ctype: row.ctype,
    localeProvider: row.locale_provider,
    icuLocale: row.icu_locale,
    sizeBytes: Number(row.size_bytes),
    snapshotLsn: row.snapshot_lsn,
    extensions,
  };
}
