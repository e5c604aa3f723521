/** Entries of an archive that can't be restored from it alone, because what they refer to is not in it. Pure. */
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { identifier, namedIn, ownTable, plainName } from './statement-names.ts';

const referencedTable = new RegExp(`\\bREFERENCES ${identifier}\\.${identifier}\\s*\\(`);
const addedConstraint = new RegExp(`\\bADD CONSTRAINT ${identifier}\\s`);
const parentIndex = new RegExp(`^ALTER INDEX ${identifier}\\.${identifier} ATTACH PARTITION `);

export interface Satisfiable {
  readonly kept: readonly TocEntry[];
  /** `schema.table constraint` */
  readonly skippedForeignKeys: readonly string[];
}

/** `withoutRows`: tables whose definition is in the archive and whose rows are not. */
export function withoutUnsatisfiable(
  entries: readonly TocEntry[],
  withoutRows: readonly QualifiedName[],
): Satisfiable {
  const inside = new Set(entries.map(({ description, schema, tag }) => keyOf([description, schema, tag])));
  const empty = new Set(withoutRows.map(({ schema, name }) => keyOf([schema, name])));
  const isSkippedKey = (entry: TocEntry): boolean => {
    const target = named(referencedTable, entry);
    const own = named(ownTable, entry);
    return !inside.has(keyOf(['TABLE', ...target])) || (empty.has(keyOf(target)) && !empty.has(keyOf(own)));
  };
  const indexes = indexesOf(entries);
  /** A partition that came without its parent keeps its index, which then belongs to nothing above it. */
  const isLooseAttachment = (entry: TocEntry): boolean =>
    entry.description === 'INDEX ATTACH' && !indexes.has(keyOf(named(parentIndex, entry)));
  const skipped = entries.filter((entry) => entry.description === 'FK CONSTRAINT' && isSkippedKey(entry));
  return {
    kept: entries.filter((entry) => !skipped.includes(entry) && !isLooseAttachment(entry)),
    skippedForeignKeys: skipped.map((entry) => `${entry.schema}.${entry.tag}`),
  };
}

/** Indexes by schema and name, those of constraints included. */
function indexesOf(entries: readonly TocEntry[]): Set<string> {
  return new Set(
    entries.flatMap(({ description, schema, tag, definition }) => {
      const constraint = description === 'CONSTRAINT' ? addedConstraint.exec(definition)?.[1] : undefined;
      const name =
        description === 'INDEX' ? tag : constraint === undefined ? undefined : plainName(constraint);
      return name === undefined ? [] : [keyOf([schema, name])];
    }),
  );
}

function named(pattern: RegExp, { definition }: TocEntry): [string, string] {
  const { schema, name } = namedIn(pattern, definition) ?? { schema: '', name: '' };
  return [schema, name];
}

function keyOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}
