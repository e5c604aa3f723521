/** Compares what was found in a restored database with the manifest of its backup. Pure. */
import type { Difference, DrillResult } from '@holdfast/contracts/drills';
import type { Manifest } from '@holdfast/contracts/manifest';
import { compareContents } from '../backups/index.ts';
import type { FoundDatabase } from './inspect-database.ts';

export type Comparison = Pick<
  DrillResult,
  'isEqual' | 'tablesCompared' | 'rowsCompared' | 'sequencesCompared' | 'constraintsChecked' | 'differences'
>;

export interface CompareOptions {
  readonly manifest: Manifest;
  readonly found: FoundDatabase;
  /** False where the database holds more than the backup, because a selection needed company. */
  readonly isWholeDatabase: boolean;
  readonly withOwners: boolean;
  /** How many foreign keys of the backup were not restored, since the rows they refer to are not in it. */
  readonly skippedForeignKeys: number;
}

/** More would not help anybody; the counts tell how bad it is. */
const maxDifferences = 1_000;

export function compareWithManifest(options: CompareOptions): Comparison {
  const { manifest, found } = options;
  const differences = [
    ...compareContents({ ...options, contents: found.contents }),
    ...compareConstraints(options),
  ];
  return {
    isEqual: differences.length === 0,
    tablesCompared: manifest.tables.length,
    rowsCompared: manifest.tables.reduce((sum, table) => sum + table.rows, 0),
    sequencesCompared: manifest.sequences.length,
    constraintsChecked: found.constraints.total,
    differences: differences.slice(0, maxDifferences),
  };
}

function compareConstraints({
  manifest,
  found,
  isWholeDatabase,
  skippedForeignKeys,
}: CompareOptions): Difference[] {
  const allowed = new Set(manifest.constraints.notValid);
  const differences: Difference[] = found.constraints.notValid
    .filter((name) => !allowed.has(name))
    .map((object) => ({ kind: 'constraint', object, expected: 'valid', actual: 'not valid' }));
  // A foreign key of a partitioned table is a constraint of every partition: then only the entries can be counted.
  const isCountable = isWholeDatabase && skippedForeignKeys === 0 && manifest.constraints.total !== null;
  if (isCountable && found.constraints.total !== manifest.constraints.total) {
    differences.push({
      kind: 'constraint',
      object: 'all constraints',
      expected: String(manifest.constraints.total),
      actual: String(found.constraints.total),
    });
  }
  return [
    ...differences,
    ...found.invalidIndexes.map(
      (object): Difference => ({ kind: 'index', object, expected: 'valid', actual: 'invalid' }),
    ),
  ];
}
