/** Which entries of an archive a restore takes, by its type and what it leaves out; and what is to be found afterwards. Pure. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { countObjects } from '../backups/index.ts';
import type { RestoreRow } from './restore.entity.ts';

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
  return entries.filter((entry) => isWanted(entry, choice));
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
  choice: EntryChoice,
): Manifest {
  if (isEverything(choice)) {
    return manifest;
  }
  const isSchemaOnly = choice.restoreType === 'schema_only';
  return {
    ...manifest,
    backup: isSchemaOnly ? { ...manifest.backup, backupType: 'schema' } : manifest.backup,
    tables: isSchemaOnly ? [] : manifest.tables,
    sequences: isSchemaOnly ? [] : manifest.sequences,
    largeObjects: isSchemaOnly ? { count: 0, bytes: 0, digest: '0'.repeat(16) } : manifest.largeObjects,
    // Constraints of the columns themselves come with their tables: how many, the archive does not tell.
    constraints: { ...manifest.constraints, total: null },
    objects: countObjects(kept),
  };
}
