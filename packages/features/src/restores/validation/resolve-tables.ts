/** Which tables of a backup the names of a selective restore mean. Pure. */
import { AppError, type FieldError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { RestoreOptions } from '@holdfast/contracts/restores';
import type { TocEntry } from '@holdfast/platform/archive/table-of-contents';
import { nearestNames } from '@holdfast/platform/pgtools/nearest-names';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { displayName, relationMatcher } from '@holdfast/platform/pgtools/selected-name';
import { identifier, nameKey, namedIn, ownTable } from '../statement-names.ts';

interface StoredTable extends QualifiedName {
  readonly partitions: readonly QualifiedName[];
}

/**
 * Null where the restore is not selective.
 * @throws AppError VALIDATION_FAILED for names that mean no table of the backup, several, or leave nothing
 */
export function resolveTables(
  options: RestoreOptions,
  manifest: Manifest,
  entries: readonly TocEntry[] | null,
): QualifiedName[] | null {
  if (options.restoreType !== 'selective') {
    return null;
  }
  const tables = storedTables(manifest, entries);
  const fields: FieldError[] = [];
  const find = (list: 'includedTables' | 'excludedTables'): Map<string, QualifiedName> =>
    new Map(
      (options[list] ?? [])
        .flatMap((text, index) => findTable(tables, { text, path: `/${list}/${index}`, fields }))
        .flatMap((table) => withPartitions(tables, table))
        .map((table) => [nameKey(table), table]),
    );
  const included = find('includedTables');
  const excluded = find('excludedTables');
  for (const key of (options.includedTables ?? []).length === 0 ? [] : excluded.keys()) {
    const table = included.get(key);
    if (table !== undefined && (options.includedTables ?? []).includes(displayName(table))) {
      fields.push({
        path: '/excludedTables',
        message: `"${displayName(table)}" is both included and excluded`,
      });
    }
  }
  const pool = (options.includedTables ?? []).length > 0 ? [...included.values()] : tables;
  const chosen = pool.filter((table) => !excluded.has(nameKey(table)));
  if (fields.length === 0 && chosen.length === 0) {
    fields.push({ path: '/excludedTables', message: 'nothing is left to restore' });
  }
  if (fields.length > 0) {
    throw new AppError('VALIDATION_FAILED', fields.map((field) => field.message).join('; '), { fields });
  }
  return chosen.map(({ schema, name }) => ({ schema, name }));
}

const attached = new RegExp(`\\bATTACH PARTITION ${identifier}\\.${identifier}\\s`);

/** Those that hold rows are in the manifest; partitioned tables themselves only in the archive. */
function storedTables(manifest: Manifest, entries: readonly TocEntry[] | null): StoredTable[] {
  const named = new Map(
    [
      ...manifest.tables,
      ...(entries ?? [])
        .filter(({ description }) => description === 'TABLE')
        .map(({ schema, tag }) => ({ schema, name: tag })),
    ].map(({ schema, name }) => [nameKey({ schema, name }), { schema, name }]),
  );
  const partitions = new Map<string, QualifiedName[]>();
  for (const { definition } of (entries ?? []).filter(({ description }) => description === 'TABLE ATTACH')) {
    const parent = namedIn(ownTable, definition);
    const child = namedIn(attached, definition);
    if (parent !== null && child !== null) {
      partitions.set(nameKey(parent), [...(partitions.get(nameKey(parent)) ?? []), child]);
    }
  }
  return [...named].map(([key, table]) => ({ ...table, partitions: partitions.get(key) ?? [] }));
}

interface Search {
  readonly text: string;
  readonly path: string;
  readonly fields: FieldError[];
}

function findTable(tables: readonly StoredTable[], { text, path, fields }: Search): StoredTable[] {
  const found = tables.filter(relationMatcher(text, { isPattern: false, searchedSchemas: [] }));
  if (found.length === 0) {
    const nearest = nearestNames(text, tables.map(displayName)).map((name) => `"${name}"`);
    fields.push({
      path,
      message: `the backup has no table "${text}"${nearest.length === 0 ? '' : `; the nearest: ${nearest.join(', ')}`}`,
    });
  } else if (found.length > 1) {
    fields.push({
      path,
      message: `"${text}" could be several tables: ${found.map(displayName).join(' or ')}`,
    });
    return [];
  }
  return found;
}

/** Rows of a partitioned table lie in its partitions: whoever names it means them too. */
function withPartitions(tables: readonly StoredTable[], table: StoredTable): StoredTable[] {
  const children = table.partitions.flatMap((partition) =>
    tables.filter((candidate) => nameKey(candidate) === nameKey(partition)),
  );
  return [table, ...children.flatMap((child) => withPartitions(tables, child))];
}
