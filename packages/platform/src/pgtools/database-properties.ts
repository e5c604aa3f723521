/** What belongs to a database as a whole and is in no dump of it: owner, grants, settings, limits, locale. Read from one and given to another. */
import type { DatabaseSession } from './database-session.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

export interface DatabaseProperties {
  readonly owner: string;
  readonly tablespace: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly localeProvider: 'libc' | 'icu' | 'builtin';
  readonly locale: string | null;
  readonly icuRules: string | null;
  readonly connectionLimit: number;
  readonly isTemplate: boolean;
  /** Null: the grants that every new database has. */
  readonly grants: readonly DatabaseGrant[] | null;
  readonly settings: readonly DatabaseSetting[];
  readonly comment: string | null;
}

export interface DatabaseGrant {
  /** Null: PUBLIC. */
  readonly grantee: string | null;
  readonly privilege: string;
  readonly isGrantable: boolean;
}

export interface DatabaseSetting {
  /** Null: for every role. */
  readonly role: string | null;
  readonly name: string;
  readonly value: string;
}

/** @param name of a database of the session's server; need not be the session's own */
export async function readDatabaseProperties(
  session: DatabaseSession,
  name: string,
): Promise<DatabaseProperties> {
  // Columns that came or changed their name with a major version are read as JSON, where absent ones are null.
  const row = await session.queryOne<
    Omit<DatabaseProperties, 'grants' | 'settings'> & { hasGrants: boolean }
  >(
    `SELECT pg_get_userbyid(datdba)::text AS owner, spcname::text AS tablespace,
       pg_encoding_to_char(encoding) AS encoding, datcollate::text AS collate, datctype::text AS ctype,
       CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS "localeProvider",
       COALESCE(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale, to_jsonb(d)->>'daticurules' AS "icuRules",
       datconnlimit AS "connectionLimit", datistemplate AS "isTemplate", datacl IS NOT NULL AS "hasGrants",
       shobj_description(d.oid, 'pg_database') AS comment
     FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = $1`,
    [name],
  );
  const { hasGrants, ...properties } = row;
  return {
    ...properties,
    grants: hasGrants ? await readGrants(session, name) : null,
    settings: await readSettings(session, name),
  };
}

async function readGrants(session: DatabaseSession, name: string): Promise<DatabaseGrant[]> {
  return await session.query<{ grantee: string | null; privilege: string; isGrantable: boolean }>(
    `SELECT CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee)::text END AS grantee, privilege_type AS privilege, is_grantable AS "isGrantable"
     FROM pg_database, aclexplode(datacl) WHERE datname = $1 ORDER BY 1, 2`,
    [name],
  );
}

async function readSettings(session: DatabaseSession, name: string): Promise<DatabaseSetting[]> {
  const rows = await session.query<{ role: string | null; setting: string }>(
    `SELECT CASE WHEN setrole <> 0 THEN pg_get_userbyid(setrole)::text END AS role, setting
     FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) AS setting
     WHERE datname = $1 ORDER BY 1, 2`,
    [name],
  );
  return rows.map(({ role, setting }) => {
    const at = setting.indexOf('=');
    return { role, name: setting.slice(0, at), value: setting.slice(at + 1) };
  });
}

/** An empty database with the encoding, locale, owner and tablespace of another; the rest follows once it is filled. */
export function createLikeStatement(name: string, like: DatabaseProperties): string {
  const locale =
    like.localeProvider === 'icu'
      ? ` LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(like.locale ?? '')}${like.icuRules === null ? '' : ` ICU_RULES ${quoteLiteral(like.icuRules)}`}`
      : like.localeProvider === 'builtin'
        ? ` LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteLiteral(like.locale ?? '')}`
        : '';
  return `CREATE DATABASE ${quoteIdentifier(name)} OWNER ${quoteIdentifier(like.owner)} TEMPLATE template0
    ENCODING ${quoteLiteral(like.encoding)} LC_COLLATE ${quoteLiteral(like.collate)} LC_CTYPE ${quoteLiteral(like.ctype)}${locale}
    TABLESPACE ${quoteIdentifier(like.tablespace)}`;
}

/**
 * Gives grants, settings and limits to a database that has none of its own yet; comments are the swap's.
 * @throws AppError PERMISSION_DENIED where this role may not set what another has set
 */
export async function applyDatabaseProperties(
  session: DatabaseSession,
  name: string,
  properties: DatabaseProperties,
): Promise<void> {
  const database = quoteIdentifier(name);
  for (const { role, name: setting, value } of properties.settings) {
    const whose =
      role === null ? `DATABASE ${database}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${database}`;
    await session.query(`ALTER ${whose} SET ${quoteSettingName(setting)} TO ${settingValue(setting, value)}`);
  }
  await session.query(`ALTER DATABASE ${database} CONNECTION LIMIT ${properties.connectionLimit}`);
  if (properties.isTemplate) {
    await session.query(`ALTER DATABASE ${database} IS_TEMPLATE true`);
  }
  if (properties.grants !== null) {
    await session.query(
      `REVOKE ALL ON DATABASE ${database} FROM PUBLIC, ${quoteIdentifier(properties.owner)}`,
    );
    for (const { grantee, privilege, isGrantable } of properties.grants) {
      const to = grantee === null ? 'PUBLIC' : quoteIdentifier(grantee);
      await session.query(
        `GRANT ${privilege} ON DATABASE ${database} TO ${to}${isGrantable ? ' WITH GRANT OPTION' : ''}`,
      );
    }
  }
}

/** Their values are lists of names, and are stored quoted; as one literal they would be one name. pg_dump has the same list. */
const listSettings = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

function settingValue(name: string, value: string): string {
  if (!listSettings.has(name.toLowerCase())) {
    return quoteLiteral(value);
  }
  const names = [...value.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
  return names.length === 0 ? "''" : names.map(quoteLiteral).join(', ');
}

/** Settings of extensions have a class before a dot. */
function quoteSettingName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}
