/** Puts the manifest together from what was inspected and what the source said in the dump's own snapshot. Pure. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ArchiveContents, TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { ResolvedSelection } from '@holdfast/platform/pgtools/resolve-selection';
import type { SourceFacts } from '@holdfast/platform/pgtools/source-snapshot';
import type { WrittenArchive } from '../archives/index.ts';
import type { BackupRow } from './backup.entity.ts';

export interface ManifestParts {
  readonly row: BackupRow;
  readonly attempt: number;
  readonly written: WrittenArchive;
  readonly facts: SourceFacts;
  /** `total` null where nobody has counted. */
  readonly constraints: Omit<ConstraintFacts, 'total'> & { readonly total: number | null };
  readonly resolved: SelectedRelations;
  readonly globals: Manifest['globals'];
  readonly clientVersion: string;
  readonly completedAt: Date;
}

type SelectedRelations = Readonly<Record<'tables' | 'withoutRows', readonly RelationName[]>>;
type RelationName = Pick<ResolvedSelection['tables'][number], 'schema' | 'name'>;

export function buildManifest({
  row,
  attempt,
  written,
  facts,
  constraints,
  resolved,
  globals = null,
  clientVersion,
  completedAt,
}: ManifestParts): Manifest {
  const { contents, stored } = written;
  return {
    manifestVersion: 1,
    backup: {
      id: row.id,
      displayName: row.displayName,
      backupType: row.backupType,
      backupFormat: row.backupFormat,
      includedTables: row.includedTables,
      includedSchemas: row.includedSchemas,
      excludedTables: row.excludedTables,
      excludedTableData: row.excludedTableData,
      selectionPatterns: row.selectionPatterns,
      startedAt: (row.startedAt ?? completedAt).toISOString(),
      completedAt: completedAt.toISOString(),
      attempt,
      source: row.source,
      description: row.description,
      tags: row.tags,
      jobs: row.jobs,
      createdAt: row.createdAt.toISOString(),
    },
    file: {
      path: row.filePath,
      sizeBytes: stored.sizeBytes,
      uncompressedBytes: contents.bytes,
      md5: stored.md5,
      sha256: stored.sha256,
      compression: { type: row.compressionType, level: row.compressionLevel },
      encryption: row.encryption,
      archiveVersion: contents.header.archiveVersion,
    },
    globals,
    database: { ...facts, clientVersion, roles: rolesOf(contents) },
    selection: selectionOf(row, resolved),
    tables: contents.tables.map(({ schema, name, rows, bytes, digest }) => ({
      schema,
      name,
      rows,
      bytes,
      digest,
    })),
    largeObjects: contents.largeObjects,
    sequences: [...contents.sequences],
    constraints,
    objects: countObjects(contents.entries),
  };
}

function selectionOf(
  row: BackupRow,
  { tables, withoutRows }: SelectedRelations,
): NonNullable<Manifest['selection']> {
  const names = (relations: readonly RelationName[]) =>
    relations.map(({ schema, name }) => ({ schema, name }));
  return { tables: isPartial(row) ? names(tables) : null, withoutRows: names(withoutRows) };
}

/** True where objects of the database are missing, rather than only rows. */
export function isPartial(row: BackupRow): boolean {
  return row.includedTables.length + row.includedSchemas.length + row.excludedTables.length > 0;
}

/** Entries of the table of contents by kind: TABLE, INDEX, TRIGGER and so on; not what belongs to the database as a whole. */
export function countObjects(
  entries: readonly Pick<TocEntry, 'description' | 'tag'>[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { description, tag } of entries) {
    if (description.startsWith('DATABASE') || tag.startsWith('DATABASE ')) {
      continue;
    }
    counts[description] = (counts[description] ?? 0) + 1;
  }
  return counts;
}

/** Owners of entries, and whoever a grant names. */
function rolesOf(contents: ArchiveContents): string[] {
  const roles = new Set<string>();
  for (const entry of contents.entries) {
    if (entry.owner !== '') {
      roles.add(entry.owner);
    }
    if (entry.description === 'ACL' || entry.description === 'DEFAULT ACL') {
      for (const [, quoted, plain] of entry.definition.matchAll(
        / (?:TO|FROM|FOR ROLE) (?:"((?:[^"]|"")+)"|([^\s;"]+))/g,
      )) {
        roles.add((quoted ?? plain ?? '').replaceAll('""', '"'));
      }
    }
  }
  roles.delete('PUBLIC');
  roles.delete('');
  return [...roles].sort();
}
