/** Which entries of an archive a restore takes, by its type and what it leaves out; and what is to be found afterwards. Pure. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { countObjects } from '../backups/index.ts';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import type { RestoreRow } from './restore.entity.ts';
import { nameKey } from './statement-names.ts';

export type EntryChoice = Pick<
  RestoreRow,
  'restoreType' | 'includeIndexes' | 'includeConstraints' | 'includeTriggers'
>;

const dataSection = 3;
const indexes = new Set(['INDEX', 'INDEX ATTACH']);
const constraints = new Set(['CONSTRAINT', 'FK CONSTRAINT', 'CHECK CONSTRAINT']);
const triggers = new Set(['TRIGGER', 'EVENT TRIGGER']);
/** Created before the data, but only to hold it. */
const largeObjects = new Set(['BLOB', 'BLOB METADATA']);
const refreshes = 'MATERIALIZED VIEW DATA';
/** Settings of the session, not objects. */
const settings = new Set(['ENCODING', 'STDSTRINGS', 'SEARCHPATH']);

/** True where everything in the archive is wanted. */
export function isEverything(choice: EntryChoice): boolean {
  const { restoreType, includeIndexes, includeConstraints, includeTriggers } = choice;
  return restoreType === 'full' && includeIndexes && includeConstraints && includeTriggers;
}

export function selectEntries(entries: readonly TocEntry[], choice: EntryChoice): TocEntry[] {
  const ofConstraints = new Set(
    entries.filter(({ description }) => description === 'CONSTRAINT').map(({ dumpId }) => dumpId),
  );
  return entries.filter((entry) =>
    // The index of a partition's key belongs to the key of the whole.
    entry.description === 'INDEX ATTACH' && entry.dependencies.some((id) => ofConstraints.has(id))
      ? isWanted({ ...entry, description: 'CONSTRAINT' }, choice)
      : isWanted(entry, choice),
  );
}

function isWanted({ description, section, tag }: TocEntry, choice: EntryChoice): boolean {
  // A comment goes with what it is on.
  const kind = description === 'COMMENT' ? (/^([A-Z ]+?) [^A-Z]/.exec(tag)?.[1] ?? '') : description;
  if (settings.has(description)) {
    return true;
  }
  const isData = section === dataSection || largeObjects.has(description) || description === refreshes;
  if (choice.restoreType === 'data_only') {
    return isData;
  }
  if (choice.restoreType === 'schema_only' && isData) {
    return false;
  }
  return (
    (choice.includeIndexes || !indexes.has(kind)) &&
    (choice.includeConstraints || !constraints.has(kind)) &&
    (choice.includeTriggers || !triggers.has(kind))
  );
}

/** The manifest of what such a restore gives. */
export function expectedManifest(
  manifest: Manifest,
  kept: readonly TocEntry[],
  { tables, ...choice }: EntryChoice & { readonly tables: readonly QualifiedName[] | null },
): Manifest {
  if (isEverything(choice)) {
    return manifest;
  }
  if (tables !== null) {
    return ofTables(manifest, kept, tables);
  }
  const isSchemaOnly = choice.restoreType === 'schema_only';
  return {
    ...manifest,
    backup: isSchemaOnly ? { ...manifest.backup, backupType: 'schema' } : manifest.backup,
    tables: isSchemaOnly ? [] : manifest.tables,
    sequences: isSchemaOnly ? [] : manifest.sequences,
    largeObjects: isSchemaOnly ? noLargeObjects : manifest.largeObjects,
    // Constraints of the columns themselves come with their tables: how many, the archive does not tell.
    constraints: { ...manifest.constraints, total: null },
    objects: countObjects(kept),
  };
}

const noLargeObjects = { count: 0, bytes: 0, digest: '0'.repeat(16) };

function ofTables(manifest: Manifest, kept: readonly TocEntry[], tables: readonly QualifiedName[]): Manifest {
  const chosen = new Set(tables.map(nameKey));
  const sequences = new Set(
    kept
      .filter(({ description }) => description === 'SEQUENCE SET')
      .map(({ schema, tag }) => nameKey({ schema, name: tag })),
  );
  return {
    ...manifest,
    tables: manifest.tables.filter((table) => chosen.has(nameKey(table))),
    sequences: manifest.sequences.filter((sequence) => sequences.has(nameKey(sequence))),
    largeObjects: noLargeObjects,
    constraints: { ...manifest.constraints, total: null },
    objects: countObjects(kept),
  };
}
