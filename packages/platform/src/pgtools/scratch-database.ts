/** Short-lived databases of ours, made from template0 and dropped whatever happens. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { DatabaseSession } from './database-session.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

/** Says in the catalogue whose it is: what somebody has given another comment is theirs. */
const ownComment = 'Scratch database of Holdfast; dropped by it';

export interface ScratchDatabaseOptions {
  readonly name: string;
  /** Encoding and locale as the source had them, so that text sorts and compares the same. */
  readonly like: Pick<
    Manifest['database'],
    'encoding' | 'collate' | 'ctype' | 'localeProvider' | 'icuLocale'
  >;
}

/** @throws AppError PERMISSION_DENIED where the role may not create databases. */
export async function createScratchDatabase(
  session: DatabaseSession,
  { name, like }: ScratchDatabaseOptions,
): Promise<void> {
  const locale =
    like.localeProvider === 'icu' && like.icuLocale !== null
      ? ` LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(like.icuLocale)}`
      : '';
  await createScratchFrom(
    session,
    name,
    `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0 ENCODING ${quoteLiteral(like.encoding)}
       LC_COLLATE ${quoteLiteral(like.collate)} LC_CTYPE ${quoteLiteral(like.ctype)}${locale}`,
  );
}

/** By a statement that says what else it shall be. */
export async function createScratchFrom(
  session: DatabaseSession,
  name: string,
  statement: string,
): Promise<void> {
  await session.query(statement);
  await session.query(`COMMENT ON DATABASE ${quoteIdentifier(name)} IS ${quoteLiteral(ownComment)}`);
}

/** Ends its sessions and drops it; no error when it does not exist. */
export async function dropScratchDatabase(session: DatabaseSession, name: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`);
}

/**
 * Scratch databases whose name starts with `prefix`; that it names an operation of ours is for the caller to see. One without a comment is
 * what a server went on making for a worker that had died: nobody came to write it.
 */
export async function listScratchDatabases(session: DatabaseSession, prefix: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database
     WHERE starts_with(datname, $1) AND COALESCE(shobj_description(oid, 'pg_database'), $2) = $2`,
    [prefix, ownComment],
  );
  return rows.map((row) => row.name);
}
