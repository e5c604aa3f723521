/** Applies a selection to a catalogue: which relations it means, and what is wrong with it. Pure. */
import type { FieldError } from '@holdfast/contracts/errors';
import { nearestNames } from './nearest-names.ts';
import { displayName, relationMatcher, schemaMatcher } from './selected-name.ts';
import type { CatalogueTable, SelectionCatalogue } from './selection-catalogue.ts';

export interface RequestedSelection {
  readonly includedTables: readonly string[];
  readonly includedSchemas: readonly string[];
  readonly excludedTables: readonly string[];
  /** Kept with their definition, without their rows. */
  readonly excludedTableData: readonly string[];
  /** Whether `*` and `?` in the names are wildcards. */
  readonly selectionPatterns: boolean;
}

export interface MatchedSelection {
  /** Named or matched, with the partitions and children of each; empty where the schemas alone select. */
  readonly included: readonly CatalogueTable[];
  readonly schemas: readonly string[];
  readonly excluded: readonly CatalogueTable[];
  readonly withoutRows: readonly CatalogueTable[];
  /** All that will be in the backup. */
  readonly chosen: readonly CatalogueTable[];
  /** Empty where the selection can be dumped. */
  readonly problems: readonly FieldError[];
}

type ListName = 'includedTables' | 'excludedTables' | 'excludedTableData';

export function matchSelection(
  catalogue: SelectionCatalogue,
  requested: RequestedSelection,
): MatchedSelection {
  const problems: FieldError[] = [];
  const schemas = matchSchemas(catalogue, requested, problems);
  const expand = (tables: readonly CatalogueTable[]): CatalogueTable[] => withChildren(catalogue, tables);
  const find = (list: ListName): Found[] =>
    requested[list].map((text, index) => {
      const path = `/${list}/${index}`;
      return { text, path, tables: findTables(catalogue, { text, path, schemas, requested, problems }) };
    });
  const includedBy = find('includedTables');
  const included = expand(includedBy.flatMap((found) => found.tables));
  const excluded = expand(find('excludedTables').flatMap((found) => found.tables));
  const withoutRows = expand(find('excludedTableData').flatMap((found) => found.tables));
  const isExcluded = setOf(excluded);
  if (!requested.selectionPatterns) {
    problems.push(...contradictions(includedBy, isExcluded));
  }
  const pool =
    requested.includedTables.length > 0
      ? included
      : catalogue.tables.filter((table) => schemas.length === 0 || schemas.includes(table.schema));
  const chosen = pool.filter((table) => !isExcluded(table));
  if (problems.length === 0 && chosen.length === 0 && requested.includedTables.length > 0) {
    problems.push({ path: '/excludedTables', message: 'nothing is left of what is included' });
  }
  return {
    included,
    schemas: requested.includedTables.length > 0 ? [] : schemas,
    excluded,
    withoutRows: withoutRows.filter(setOf(chosen)),
    chosen,
    problems,
  };
}

interface Found {
  readonly text: string;
  readonly path: string;
  readonly tables: readonly CatalogueTable[];
}

function setOf(tables: readonly CatalogueTable[]): (table: CatalogueTable) => boolean {
  const oids = new Set(tables.map((table) => table.oid));
  return (table) => oids.has(table.oid);
}

function matchSchemas(
  catalogue: SelectionCatalogue,
  { includedSchemas, includedTables, selectionPatterns }: RequestedSelection,
  problems: FieldError[],
): string[] {
  const matched = new Set<string>();
  for (const [index, text] of includedSchemas.entries()) {
    const found = catalogue.schemas.filter(schemaMatcher(text, selectionPatterns));
    for (const schema of found) {
      matched.add(schema);
    }
    // Beside included tables the schemas only say where bare names are looked for, and `public` is there by default.
    if (found.length === 0 && !(includedTables.length > 0 && text === 'public')) {
      problems.push({
        path: `/includedSchemas/${index}`,
        message: unknown('schema', text, catalogue.schemas, selectionPatterns),
      });
    }
  }
  return [...matched];
}

interface Search {
  readonly text: string;
  readonly path: string;
  readonly schemas: readonly string[];
  readonly requested: RequestedSelection;
  readonly problems: FieldError[];
}

function findTables(
  { tables }: SelectionCatalogue,
  { text, path, schemas, requested, problems }: Search,
): CatalogueTable[] {
  const isPattern = requested.selectionPatterns;
  const found = tables.filter(relationMatcher(text, { isPattern, searchedSchemas: schemas }));
  if (found.length === 0) {
    problems.push({ path, message: unknown('table', text, tables.map(displayName), isPattern) });
  } else if (found.length > 1 && !isPattern) {
    const candidates = found.map(quotedName).join(' or ');
    problems.push({ path, message: `"${text}" could be several tables: write ${candidates}` });
    return [];
  }
  return found;
}

function quotedName({ schema, name }: CatalogueTable): string {
  return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

function unknown(kind: string, text: string, names: readonly string[], isPattern: boolean): string {
  if (isPattern) {
    return `no ${kind} matches "${text}"`;
  }
  const nearest = nearestNames(text, names).map((name) => `"${name}"`);
  return `there is no ${kind} "${text}"${nearest.length === 0 ? '' : `; the nearest: ${nearest.join(', ')}`}`;
}

/** A table asked for by its own name that is left out all the same, by name or with its parent. */
function contradictions(
  includedBy: readonly Found[],
  isExcluded: (table: CatalogueTable) => boolean,
): FieldError[] {
  return includedBy
    .filter(({ tables }) => tables.some(isExcluded))
    .map(({ text, path }) => ({ path, message: `"${text}" is both included and excluded` }));
}

/** Rows of a partitioned table lie in its partitions: whoever names it means them too. */
function withChildren(catalogue: SelectionCatalogue, tables: readonly CatalogueTable[]): CatalogueTable[] {
  const taken = new Set(tables.map((table) => table.oid));
  const found = [...new Map(tables.map((table) => [table.oid, table])).values()];
  if (found.length === 0) {
    return found;
  }
  const childrenOf = Map.groupBy(
    catalogue.tables.flatMap((table) => table.parents.map((parent) => ({ parent, table }))),
    ({ parent }) => parent,
  );
  // The list grows while it is walked: children of children follow.
  for (const table of found) {
    for (const child of childrenOf.get(table.oid) ?? []) {
      if (!taken.has(child.table.oid)) {
        taken.add(child.table.oid);
        found.push(child.table);
      }
    }
  }
  return found;
}
