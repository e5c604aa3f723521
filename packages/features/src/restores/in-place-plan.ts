/** What a restore in place takes of the archive, and the SQL before and after it in its transaction. Pure. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import {
  analyse,
  contentsGate,
  deleteRows,
  emptyTables,
  foreignKeyDrops,
  foreignKeyGate,
} from './in-place-gate.ts';
import { type EntryChoice, selectEntries } from './select-entries.ts';
import { ownedSequences, selectOwnParts } from './select-tables.ts';
import { nameKey } from './statement-names.ts';

export type Contents = Pick<Manifest, 'tables' | 'sequences'>;

export interface InPlacePlan {
  readonly kept: readonly TocEntry[];
  readonly contents: Contents;
  /** What is made anew is dropped before. */
  readonly isClean: boolean;
  readonly skippedStatements?: RegExp;
  readonly prelude: string;
  readonly ending: string;
}

interface Question {
  readonly row: EntryChoice;
  readonly manifest: Manifest;
  readonly entries: readonly TocEntry[];
}

/**
 * Constraints and indexes go with their tables. Dropped one by one, as pg_restore does it, those of a partition refuse: they belong
 * to the ones of the partitioned table.
 */
const partDrops = /^(?:DROP INDEX IF EXISTS |ALTER TABLE IF EXISTS .* DROP CONSTRAINT IF EXISTS )/s;

/** Everything, the structure alone, or the rows alone. */
export function planWhole({ row, manifest, entries }: Question): InPlacePlan {
  const kept = selectEntries(entries, row);
  const withRows = row.restoreType !== 'schema_only';
  if (row.restoreType === 'data_only') {
    return {
      kept,
      contents: manifest,
      isClean: false,
      prelude: emptyTables(manifest.tables, manifest.largeObjects.count > 0),
      ending: `${contentsGate(manifest, { withRows })}${foreignKeyGate(manifest.tables)}${analyse(manifest.tables)}`,
    };
  }
  return {
    kept,
    contents: manifest,
    isClean: true,
    skippedStatements: partDrops,
    // All of them first: a table that others refer to can't be dropped.
    prelude: foreignKeyDrops(entries),
    ending: `${contentsGate(manifest, { withRows })}${withRows ? analyse(manifest.tables) : ''}`,
  };
}

interface TablesQuestion extends Question {
  readonly tables: readonly QualifiedName[];
  /** Those of them that the database has. */
  readonly existing: readonly QualifiedName[];
}

/** Chosen tables: the rows of those that exist are exchanged, those that are missing are made with all that is theirs. */
export function planTables({ row, manifest, entries, tables, existing }: TablesQuestion): InPlacePlan {
  const there = new Set(existing.map(nameKey));
  const missing = tables.filter((table) => !there.has(nameKey(table)));
  const chosen = new Set(tables.map(nameKey));
  const sequences = new Set(ownedSequences(entries, tables).map(nameKey));
  const contents = {
    tables: manifest.tables.filter((table) => chosen.has(nameKey(table))),
    sequences: manifest.sequences.filter((sequence) => sequences.has(nameKey(sequence))),
  };
  return {
    kept: attachLate(selectEntries(selectOwnParts(entries, { existing, missing }), row)),
    contents,
    isClean: false,
    prelude: deleteRows(existing),
    ending: `${contentsGate(contents, { withRows: true })}${foreignKeyGate(tables)}${analyse(contents.tables)}`,
  };
}

const needsPartitions = new Set(['INDEX ATTACH', 'FK CONSTRAINT', 'TRIGGER']);

/** A partition gets the indexes of a table that has them where it is attached: it must bring its own before, or it would have two. */
function attachLate(entries: readonly TocEntry[]): TocEntry[] {
  const attachments = entries.filter(({ description }) => description === 'TABLE ATTACH');
  const others = entries.filter(({ description }) => description !== 'TABLE ATTACH');
  const found = others.findIndex(({ description }) => needsPartitions.has(description));
  const at = found === -1 ? others.length : found;
  return [...others.slice(0, at), ...attachments, ...others.slice(at)];
}
