/** Compares what was found in an archive with the manifest that tells what must be in it. Pure. */
import type { Difference } from '@holdfast/contracts/drills';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ArchiveContents } from '@holdfast/platform/archive/archive-inspector';
import { countObjects } from './build-manifest.ts';

export interface ContentsComparison {
  readonly manifest: Manifest;
  readonly contents: ArchiveContents;
  /** False where the archive holds more than the backup, because a selection needed company. */
  readonly isWholeDatabase: boolean;
  readonly withOwners: boolean;
  /** How many foreign keys of the backup were not restored, since the rows they refer to are not in it. */
  readonly skippedForeignKeys: number;
}

/** Tables with their rows and digests, sequences, large objects, and how many objects there are of each kind. */
export function compareContents(comparison: ContentsComparison): Difference[] {
  return [
    ...compareTables(comparison),
    ...compareSequences(comparison),
    ...compareLargeObjects(comparison),
    ...compareObjects(comparison),
  ];
}

function compareTables({ manifest, contents, isWholeDatabase }: ContentsComparison): Difference[] {
  const restored = new Map(contents.tables.map((table) => [nameOf(table), table]));
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

function compareSequences({ manifest, contents }: ContentsComparison): Difference[] {
  const restored = new Map(contents.sequences.map((sequence) => [nameOf(sequence), sequence.value]));
  return manifest.sequences.flatMap((sequence): Difference[] => {
    const actual = restored.get(nameOf(sequence)) ?? 'nothing';
    return actual === sequence.value
      ? []
      : [{ kind: 'sequence', object: nameOf(sequence), expected: sequence.value, actual }];
  });
}

function compareLargeObjects({ manifest, contents }: ContentsComparison): Difference[] {
  const describe = (objects: Manifest['largeObjects']): string =>
    `${objects.count} objects, ${objects.bytes} bytes, digest ${objects.digest}`;
  const expected = describe(manifest.largeObjects);
  const actual = describe(contents.largeObjects);
  return expected === actual ? [] : [{ kind: 'large_objects', object: 'large objects', expected, actual }];
}

function compareObjects({
  manifest,
  contents,
  isWholeDatabase,
  withOwners,
  skippedForeignKeys,
}: ContentsComparison): Difference[] {
  if (!isWholeDatabase) {
    return [];
  }
  const actual = countObjects(contents.entries);
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
