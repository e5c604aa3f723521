/** Resolves the names of a selection against the live catalogue into what pg_dump is told: literal names of things that exist. */
import { AppError } from '@holdfast/contracts/errors';
import type { DatabaseSession } from './database-session.ts';
import { type MatchedSelection, matchSelection, type RequestedSelection } from './match-selection.ts';
import type { DumpSelection, QualifiedName } from './pg-dump.ts';
import { readSelectionCatalogue, type CatalogueTable } from './selection-catalogue.ts';

export interface ResolvedSelection {
  readonly selection: DumpSelection;
  /** All that will be in the backup. */
  readonly tables: readonly CatalogueTable[];
  /** Those of it that come without rows. */
  readonly withoutRows: readonly CatalogueTable[];
  /** Heap, TOAST and free space of the tables whose rows will be dumped. */
  readonly tableBytes: number;
}

/** Names reach pg_dump as arguments, of which Linux takes some 2 MB. */
const mostArgumentBytes = 1_000_000;

const remediation =
  'Correct the names: they are literal unless selectionPatterns is set; outside the included schemas write schema.table.';

/** @throws AppError INVALID_CONFIG that names every unknown, ambiguous or contradictory name, with `fields` */
export async function resolveSelection(
  session: DatabaseSession,
  requested: RequestedSelection,
): Promise<ResolvedSelection> {
  const catalogue = await readSelectionCatalogue(session);
  const matched = matchSelection(catalogue, requested);
  if (matched.problems.length > 0) {
    throw new AppError('INVALID_CONFIG', `${matched.problems.map(({ message }) => message).join('; ')}.`, {
      fields: matched.problems,
      remediation,
    });
  }
  const selection = toDumpSelection(matched);
  checkArguments(selection, catalogue.encoding);
  const isWithoutRows = new Set(matched.withoutRows.map((table) => table.oid));
  return {
    selection,
    tables: matched.chosen,
    withoutRows: matched.withoutRows,
    tableBytes: matched.chosen
      .filter((table) => !isWithoutRows.has(table.oid))
      .reduce((sum, table) => sum + table.sizeBytes, 0),
  };
}

function toDumpSelection(matched: MatchedSelection): DumpSelection {
  const names = (tables: readonly CatalogueTable[]): QualifiedName[] =>
    tables.map(({ schema, name }) => ({ schema, name }));
  const byName = matched.included.length > 0;
  return {
    tables: byName ? names(matched.chosen) : [],
    schemas: matched.schemas,
    excludedTables: byName ? [] : names(matched.excluded),
    excludedTableData: names(matched.withoutRows),
  };
}

function checkArguments(
  { tables = [], schemas = [], excludedTables = [], excludedTableData = [] }: DumpSelection,
  encoding: string,
): void {
  const names = [
    ...[...tables, ...excludedTables, ...excludedTableData].flatMap(({ schema, name }) => [schema, name]),
    ...schemas,
  ];
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name) + 16, 0);
  if (bytes > mostArgumentBytes) {
    throw new AppError(
      'INVALID_CONFIG',
      `The selection comes to ${names.length} names, more than pg_dump takes at once.`,
      { remediation: 'Select by schema, or back up the whole database.' },
    );
  }
  // pg_dump reads its arguments in the database's encoding: other bytes than ours would match nothing, and exclude nothing.
  const foreign = names.find((name) => /[^\u0000-\u007f]/.test(name));
  if (encoding !== 'UTF8' && foreign !== undefined) {
    throw new AppError(
      'INVALID_CONFIG',
      `The database is encoded in ${encoding}; "${foreign}" has characters that pg_dump can only be told in UTF8.`,
      { remediation: 'Select by schemas and tables with ASCII names, or back up the whole database.' },
    );
  }
}
