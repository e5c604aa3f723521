/** The files of a recovery kit: all that it takes, beside the stored file itself, to restore it when Holdfast is gone. Pure. */
import type { Manifest, SignedManifest } from '@holdfast/contracts/manifest';
import { quoteIdentifier } from '@holdfast/platform/pgtools/quote';
import {
  createdbCommand,
  decodeCommand,
  isWhole,
  neededPrograms,
  plainText,
  restoreCommand,
  restoreScript,
} from './restore-script.ts';

export interface KitFile {
  readonly name: string;
  readonly text: string;
}

export interface KitOptions {
  readonly signed: SignedManifest;
  readonly backupId: number;
  readonly storageTarget: string;
  readonly isTrusted: boolean;
}

export function kitFiles(options: KitOptions): KitFile[] {
  const { manifest } = options.signed;
  return [
    { name: 'README.txt', text: readme(options) },
    { name: 'restore.sh', text: restoreScript(manifest) },
    { name: 'roles.sql', text: rolesScript(manifest) },
    { name: 'check-rows.sql', text: checkScript(manifest) },
    { name: 'manifest.json', text: `${JSON.stringify(options.signed, null, 2)}\n` },
  ];
}

/** Roles of PostgreSQL's own are on every server, and nobody may make one that is called so. */
function rolesScript({ database }: Manifest): string {
  const roles = database.roles.filter((role) => !role.startsWith('pg_'));
  return [
    '-- Roles that own something in the backup or are granted something. Give them passwords and LOGIN as needed.',
    ...roles.map(
      (role) =>
        `SELECT ${quoteLiteral(`CREATE ROLE ${quoteIdentifier(role)}`)} WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(role)})\n\\gexec`,
    ),
    '',
  ].join('\n');
}

/** Prints a line for each table that has other rows than the manifest says. */
function checkScript({ tables }: Manifest): string {
  return [
    '-- Nothing is printed where every table has the rows that were backed up.',
    'SET row_security = off;',
    ...tables.map(({ schema, name, rows }) => {
      const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
      return `SELECT ${quoteLiteral(`${table}: right is ${rows}, found `)} || found FROM (SELECT count(*) AS found FROM ONLY ${table}) counted WHERE found <> ${rows};`;
    }),
    '',
  ].join('\n');
}

function readme({ signed: { manifest }, backupId, storageTarget, isTrusted }: KitOptions): string {
  const { backup, file, database, globals } = manifest;
  const isDirectory = backup.backupFormat === 'directory';
  const lines = [
    `Recovery kit of backup ${backupId}: database "${plainText(database.name)}" as of ${backup.startedAt}`,
    '',
    'With this folder and the stored file the database comes back on any machine, without Holdfast.',
    ...(isTrusted
      ? []
      : ['', 'CAREFUL: this backup was made elsewhere and nobody has trusted it yet. A dump can hold code.']),
    '',
    'The stored file',
    `  where     ${plainText(storageTarget)}`,
    `  path      ${plainText(file.path)}`,
    `  bytes     ${file.sizeBytes}`,
    `  SHA-256   ${file.sha256}`,
    `  MD5       ${file.md5}`,
    `  format    ${backup.backupFormat}, compression ${file.compression.type}, ${file.encryption === null ? 'not encrypted' : 'encrypted with age'}`,
    ...(file.encryption?.recipients ?? []).map((recipient) => `  recipient ${recipient}`),
    ...(globals == null ? [] : [`  globals   ${plainText(globals.path)}, SHA-256 ${globals.sha256}`]),
    '',
    'Versions',
    `  server    PostgreSQL ${plainText(database.serverVersion)}; restore into this major version or a newer one`,
    `  pg_dump   ${plainText(database.clientVersion)}; use pg_restore and psql of this major version or newer`,
    ...database.extensions.map(
      ({ name, version }) =>
        `  extension ${plainText(name)} ${plainText(version)}: must be installed on the server`,
    ),
    `  programs  ${[...new Set(neededPrograms(manifest).map(([program]) => program))].join(', ')}, bash`,
    '',
    'In one step (server and role by PGHOST, PGPORT, PGUSER, PGPASSWORD)',
    `  ${file.encryption === null ? '' : 'AGE_IDENTITY=KEY_FILE '}bash restore.sh FILE NEW_DATABASE`,
    '',
    'By hand',
    `  sha256sum FILE    # must print ${file.sha256}`,
    ...(globals == null
      ? []
      : [`  ${decodeFrom('GLOBALS_FILE', file)} | psql --no-psqlrc --dbname=postgres    # before the roles`]),
    '  psql --no-psqlrc --dbname=postgres --file=roles.sql',
    `  ${createdbCommand(manifest)} NEW_DATABASE`,
    '  connection=NEW_DATABASE',
    ...(isDirectory ? ['  scratch=$(mktemp -d)'] : []),
    `  ${decodeFrom('FILE', file)} | ${isDirectory ? `{ ${restoreCommand(manifest)}; }` : restoreCommand(manifest)}`,
    '  psql --no-psqlrc --dbname=NEW_DATABASE --file=check-rows.sql    # prints nothing but lines of tables that differ',
    ...(isWhole(manifest)
      ? []
      : [
          '',
          'This backup is a selection, or leaves rows out: foreign keys to what is missing are reported and not restored.',
        ]),
    '',
    'Not in the backup: passwords of roles (unless the globals have them), and settings of the database itself',
    '(ALTER DATABASE ... SET), which `pg_restore --create` alone brings back.',
    '',
  ];
  return lines.join('\n');
}

/** The first program reads the file. */
function decodeFrom(name: string, file: Manifest['file']): string {
  const [first = '', ...rest] = decodeCommand(file).split(' | ');
  return [`${first} <${name}`, ...rest].join(' | ');
}

function quoteLiteral(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}
