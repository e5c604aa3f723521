/** Compares what was found in a restored database with the manifest of its backup. Pure. */
import type { Difference, DrillResult } from '@holdfast/contracts/drills';
import type { Manifest } from '@holdfast/contracts/manifest';
import { countObjects } from '../backups/index.ts';
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
    ...compareTables(options),
    ...compareSequences(options),
    ...compareLargeObjects(options),
    ...compareConstraints(options),
    ...compareObjects(options),
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

function compareTables({ manifest, found, isWholeDatabase }: CompareOptions): Difference[] {
  const restored = new Map(found.contents.tables.map((table) => [nameOf(table), table]));
  const differences: Difference[] = [];
  for (const expected of manifest.tables) {
    const object = nameOf(expected);
    const actual = restored.get(object);
    restored.delete(object);
    if (actual === undefined) {
      differences.push({
        kind: 'table_missing',
        object,
        expected: `${expected.rows} rows`,
        actual: 'nothing',
      });
    } else if (actual.rows !== expected.rows) {
      differences.push({
        kind: 'rows',
        object,
        expected: String(expected.rows),
        actual: String(actual.rows),
      });
    } else if (actual.digest !== expected.digest || actual.bytes !== expected.bytes) {
      differences.push({ kind: 'digest', object, expected: expected.digest, actual: actual.digest });
    }
  }
  const unexpected = isWholeDatabase ? [...restored.values()] : [];
  return [
    ...differences,
    ...unexpected.map(
      (table): Difference => ({
        kind: 'table_unexpected',
        object: nameOf(table),
        expected: 'nothing',
        actual: `${table.rows} rows`,
      }),
    ),
  ];
}

function compareSequences({ manifest, found }: CompareOptions): Difference[] {
  const restored = new Map(found.contents.sequences.map((sequence) => [nameOf(sequence), sequence.value]));
  return manifest.sequences.flatMap((sequence): Difference[] => {
    const actual = restored.get(nameOf(sequence)) ?? 'nothing';
    return actual === sequence.value
      ? []
      : [{ kind: 'sequence', object: nameOf(sequence), expected: sequence.value, actual }];
  });
}

function compareLargeObjects({ manifest, found }: CompareOptions): Difference[] {
  const describe = (objects: Manifest['largeObjects']): string =>
    `${objects.count} objects, ${objects.bytes} bytes, digest ${objects.digest}`;
  const expected = describe(manifest.largeObjects);
  const actual = describe(found.contents.largeObjects);
  return expected === actual ? [] : [{ kind: 'large_objects', object: 'large objects', expected, actual }];
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
  const isCountable = isWholeDatabase && skippedForeignKeys === 0;
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

function compareObjects({
  manifest,
  found,
  isWholeDatabase,
  withOwners,
  skippedForeignKeys,
}: CompareOptions): Difference[] {
  if (!isWholeDatabase) {
    return [];
  }
  const actual = countObjects(found.contents.entries);
  const isCompared = (kind: string): boolean => withOwners || !/\bACL$/.test(kind);
  return [...new Set([...Object.keys(manifest.objects), ...Object.keys(actual)])]
    .filter(isCompared)
    .flatMap((kind): Difference[] => {
      const expectedCount =
        (manifest.objects[kind] ?? 0) - (kind === 'FK CONSTRAINT' ? skippedForeignKeys : 0);
      const actualCount = actual[kind] ?? 0;
      if (expectedCount === actualCount) {
        return [];
      }
      return [
        {
          kind: actualCount < expectedCount ? 'object_missing' : 'object_unexpected',
          object: kind,
          expected: String(expectedCount),
          actual: String(actualCount),
        },
      ];
    });
}

function nameOf({ schema, name }: { schema: string; name: string }): string {
  return `${schema}.${name}`;
}
