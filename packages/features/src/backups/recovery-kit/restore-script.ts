/** The script of a recovery kit: restores one stored file on a bare machine with nothing but the tools it names. Pure. */
import type { BackupFormat, CompressionType } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';

const decompress: Readonly<Record<CompressionType, string>> = {
  none: 'cat',
  gzip: 'gzip --decompress --stdout',
  zstd: 'zstd --decompress --stdout --quiet',
};

/** From the stored bytes on standard input to what pg_dump wrote. */
export function decodeCommand({ compression, encryption }: Manifest['file']): string {
  const steps = [
    ...(encryption === null ? [] : ['age --decrypt --identity "$AGE_IDENTITY"']),
    ...(compression.type === 'none' ? [] : [decompress[compression.type]]),
  ];
  return steps.length === 0 ? 'cat' : steps.join(' | ');
}

/** False where rows that others refer to were left out: then some foreign keys can't come back, and that is no failure. */
export function isWhole({ backup, selection }: Manifest): boolean {
  const { includedTables, includedSchemas, excludedTables } = backup;
  return (
    includedTables.length + includedSchemas.length + excludedTables.length === 0 &&
    (selection?.withoutRows.length ?? 0) === 0
  );
}

/** Reads what `decode` gives; `$connection` names the database. */
export function restoreCommand(manifest: Manifest): string {
  const strict = isWhole(manifest) ? ' --exit-on-error' : '';
  const commands: Readonly<Record<BackupFormat, string>> = {
    custom: `pg_restore --format=custom${strict} --dbname="$connection"`,
    tar: `pg_restore --format=tar${strict} --dbname="$connection"`,
    plain: `psql --no-psqlrc --quiet --set=ON_ERROR_STOP=${isWhole(manifest) ? 1 : 0} --dbname="$connection" --output=/dev/null`,
    directory: `tar --extract --directory="$scratch" && pg_restore --format=directory --jobs=${manifest.backup.jobs ?? 1}${strict} --dbname="$connection" "$scratch"`,
  };
  return commands[manifest.backup.backupFormat];
}

/** The packages that bring what the script calls, by program. */
export function neededPrograms({ file, backup }: Manifest): [string, string][] {
  return [
    ['psql', 'postgresql-client'],
    ['pg_restore', 'postgresql-client'],
    ['createdb', 'postgresql-client'],
    ['sha256sum', 'coreutils'],
    ...(file.compression.type === 'gzip' ? [['gzip', 'gzip'] as [string, string]] : []),
    ...(file.compression.type === 'zstd' ? [['zstd', 'zstd'] as [string, string]] : []),
    ...(file.encryption === null ? [] : [['age', 'age'] as [string, string]]),
    ...(backup.backupFormat === 'directory' ? [['tar', 'tar'] as [string, string]] : []),
  ];
}

export function createdbCommand({ database }: Manifest): string {
  const { encoding, collate, ctype, localeProvider, icuLocale } = database;
  const icu =
    localeProvider === 'icu' && icuLocale !== null
      ? ` --locale-provider=icu --icu-locale=${shellQuote(icuLocale)}`
      : '';
  return `createdb --template=template0 --encoding=${shellQuote(encoding)} --lc-collate=${shellQuote(collate)} --lc-ctype=${shellQuote(ctype)}${icu}`;
}

export function restoreScript(manifest: Manifest): string {
  const { file, database, globals } = manifest;
  const clientMajor = Number.parseInt(database.clientVersion, 10) || 0;
  const needs = neededPrograms(manifest).map(([program, name]) => `need ${program} ${name}`);
  return `#!/usr/bin/env bash
# Restores the stored file into a new database, without Holdfast.
#   bash restore.sh FILE NEW_DATABASE
# Server and role come from PGHOST, PGPORT, PGUSER and PGPASSWORD, as for psql; the role must be allowed to create databases and roles.
${file.encryption === null ? '' : '# AGE_IDENTITY: the file with the private key of one of the recipients.\n'}set -eu
if [ $# -ne 2 ]; then
  echo 'usage: bash restore.sh FILE NEW_DATABASE' >&2
  exit 2
fi
here=$(cd -- "$(dirname -- "\${BASH_SOURCE[0]}")" && pwd)
file=$1
database=$2
scratch=
trap 'if [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi' EXIT

say() { printf '%s\\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: install the package $2."; }
sum() { sha256sum <"$1" | cut -c 1-64; }
# No pipefail: a restoring tool may stop before the end of what it is given, and the checksum has shown that the file is whole.
decode() { ${decodeCommand(file)}; }
# A name as libpq takes it, whatever is in it.
escape() { local text=\${1//\\\\/\\\\\\\\}; printf "dbname='%s'" "\${text//\\'/\\\\\\'}"; }

${needs.join('\n')}
[[ $(pg_restore --version) =~ \\)\\ ([0-9]+) ]] && [ "\${BASH_REMATCH[1]}" -ge ${clientMajor} ] ||
  fail 'The backup was made with pg_dump ${plainText(database.clientVersion)}: install postgresql-client-${clientMajor} or newer.'
${file.encryption === null ? '' : `[ -r "\${AGE_IDENTITY:-}" ] || fail 'Set AGE_IDENTITY to the file with the private key.'\n`}
say 'Checking the file'
[ "$(sum "$file")" = ${file.sha256} ] || fail 'This is not the file of this backup, or it is damaged: its SHA-256 differs.'
${globals == null ? '' : globalsPart(globals, file.path)}
say 'Creating roles that are missing, without passwords'
PGDATABASE=postgres psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$here/roles.sql"

say 'Creating the database'
PGDATABASE=postgres ${createdbCommand(manifest)} -- "$database"
connection=$(escape "$database")
${manifest.backup.backupFormat === 'directory' ? 'scratch=$(mktemp -d)\n' : ''}
say 'Restoring'
${restorePart(manifest)}

say 'Counting rows'
differences=$(psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$connection" --file="$here/check-rows.sql")
[ -z "$differences" ] || fail "Not every row came back:
$differences"
say 'Done: every table has the rows that were backed up.'
`;
}

function globalsPart(globals: NonNullable<Manifest['globals']>, archive: string): string {
  const suffix = globals.path.startsWith(archive) ? globals.path.slice(archive.length) : '.globals.sql';
  return `
globals=$file${suffix}
if [ -e "$globals" ]; then
  [ "$(sum "$globals")" = ${globals.sha256} ] || fail 'The globals beside the file are damaged: their SHA-256 differs.'
  say 'Restoring roles and tablespaces; those that are there already stay as they are'
  decode <"$globals" | PGDATABASE=postgres psql --no-psqlrc --quiet --output=/dev/null 2>/dev/null || true
else
  say "Without $globals roles come back by their names alone."
fi
`;
}

function restorePart(manifest: Manifest): string {
  const restore = `decode <"$file" | ${manifest.backup.backupFormat === 'directory' ? `{ ${restoreCommand(manifest)}; }` : restoreCommand(manifest)}`;
  return isWhole(manifest)
    ? restore
    : `# Not everything is in this backup: what refers to the rest is reported and left out.\n${restore} || say 'Some objects could not be restored, see above.'`;
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** For texts that people read, and inside quotes of the shell. */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}']/gu, '?');
}
