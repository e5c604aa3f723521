/** What the manifest says of an imported backup: as much as its table of contents tells, the usual where it is silent. Pure. */
import type { BackupType } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ArchiveContents, TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { SourceFacts } from '@holdfast/platform/pgtools/source-snapshot';

export interface DescribedImport {
  readonly backupType: BackupType;
  readonly facts: SourceFacts;
  readonly constraints: Pick<ConstraintFacts, 'notValid'> & { readonly total: null };
  readonly withoutRows: NonNullable<Manifest['selection']>['withoutRows'];
  readonly assumed: string[];
}

export function describeImport(contents: ArchiveContents, databaseName: string): DescribedImport {
  const { entries, header } = contents;
  const created = entries.find(({ description }) => description === 'DATABASE')?.definition ?? '';
  const encoding = option(created, 'ENCODING') ?? clientEncoding(entries);
  const locale = option(created, 'LOCALE');
  const collate = option(created, 'LC_COLLATE') ?? locale;
  const ctype = option(created, 'LC_CTYPE') ?? locale;
  const rowless = tablesWithoutRows(entries);
  const isSchemaOnly = !entries.some(({ description }) => description === 'TABLE DATA');
  return {
    backupType: isSchemaOnly ? 'schema' : 'full',
    facts: {
      name: databaseName,
      serverVersion: header.serverVersion.slice(0, 50),
      encoding: encoding ?? 'UTF8',
      collate: collate ?? 'C',
      ctype: ctype ?? 'C',
      localeProvider: option(created, 'LOCALE_PROVIDER') ?? 'libc',
      icuLocale: option(created, 'ICU_LOCALE') ?? option(created, 'BUILTIN_LOCALE'),
      sizeBytes: contents.bytes,
      snapshotLsn: null,
      extensions: entries
        .filter(({ description }) => description === 'EXTENSION')
        .map(({ tag }) => ({ name: tag, version: '' })),
    },
    constraints: { total: null, notValid: entries.flatMap(notValidOf) },
    withoutRows: isSchemaOnly ? [] : rowless,
    assumed: [
      ...(encoding === null ? ['encoding'] : []),
      ...(collate === null ? ['collate'] : []),
      ...(ctype === null ? ['ctype'] : []),
    ],
  };
}

/** Of CREATE DATABASE, as pg_dump writes it: `ENCODING = 'UTF8'`, `LOCALE_PROVIDER = libc`. */
function option(statement: string, name: string): string | null {
  const match = new RegExp(` ${name} = (?:'((?:[^']|'')*)'|(\\w+))`).exec(statement);
  return match === null ? null : (match[1]?.replaceAll("''", "'") ?? match[2] ?? null);
}

function clientEncoding(entries: readonly TocEntry[]): string | null {
  const definition = entries.find(({ description }) => description === 'ENCODING')?.definition ?? '';
  return /^SET client_encoding = '(\w+)'/.exec(definition)?.[1] ?? null;
}

/** Partitioned tables have none of their own; of a script the definitions are not known, so there nothing is said. */
function tablesWithoutRows(entries: readonly TocEntry[]): { schema: string; name: string }[] {
  const key = ({ schema, tag }: TocEntry): string => JSON.stringify([schema, tag]);
  const withRows = new Set(
    entries.filter(({ description }) => description === 'TABLE DATA').map((entry) => key(entry)),
  );
  return entries
    .filter(
      (entry) =>
        entry.description === 'TABLE' &&
        entry.definition !== '' &&
        !/\nPARTITION BY /.test(entry.definition) &&
        !withRows.has(key(entry)),
    )
    .map(({ schema, tag }) => ({ schema, name: tag }));
}

function notValidOf({ schema, definition }: TocEntry): string[] {
  const match = /ADD CONSTRAINT (?:"((?:[^"]|"")+)"|(\S+)) .* NOT VALID;\s*$/s.exec(definition);
  return match === null ? [] : [`${schema}.${(match[1] ?? match[2] ?? '').replaceAll('""', '"')}`];
}
