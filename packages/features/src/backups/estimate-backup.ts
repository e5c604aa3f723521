/** Query: what a backup with these options would hold, come to and take, and what is to be known about it before. */
import type { BackupEstimate } from '@holdfast/contracts/backup-estimates';
import type { CreateBackup } from '@holdfast/contracts/backups';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { type ResolvedSelection, resolveSelection } from '@holdfast/platform/pgtools/resolve-selection';
import { findDatabase } from '../databases/index.ts';
import { readSettings, type SettingsRow } from '../settings/index.ts';
import { checkRequest } from './check-request.ts';
import {
  asValidation,
  type LiveSelectionDeps,
  requestedSelection,
  withLiveDatabase,
} from './live-selection.ts';
import { projectSize } from './project-size.ts';
import { readHistory } from './read-history.ts';

/** A catalogue of many thousand tables takes a while to measure; nobody waits longer than this for a guess. */
const answerWithinMs = 15_000;
const mostTables = 1_000;

const kinds: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'partitioned table',
  m: 'materialized view',
  v: 'view',
  f: 'foreign table',
  S: 'sequence',
};

/** @throws AppError VALIDATION_FAILED, INVALID_CONFIG, and what connecting to the database gives */
export async function estimateBackup(deps: LiveSelectionDeps, input: CreateBackup): Promise<BackupEstimate> {
  checkRequest(input);
  const database = await findDatabase(deps.source.manager, input.databaseId);
  const { resolved, keyWarnings } = await withLiveDatabase(
    deps,
    { databaseId: database.id, answerWithinMs },
    async (session) => {
      const found = await resolveSelection(session, requestedSelection(input));
      return { resolved: found, keyWarnings: await readKeyWarnings(session, found) };
    },
  ).catch((error: unknown) => {
    throw asValidation(error);
  });
  const { tables, withoutRows, tableBytes } = resolved;
  const projection = projectSize(
    {
      backupType: input.backupType ?? 'full',
      compressionType: input.compressionType ?? 'gzip',
      tableBytes,
      tableCount: tables.length,
    },
    await readHistory(deps.source.manager, database.id),
  );
  const isWithoutRows = new Set(withoutRows.map((table) => table.oid));
  return {
    databaseId: database.id,
    databaseName: database.databaseName,
    ...projection,
    tableCount: tables.length,
    tables: tables
      .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, mostTables)
      .map(({ oid, schema, name, kind, sizeBytes }) => ({
        schema,
        name,
        kind: kinds[kind] ?? kind,
        sizeBytes,
        isWithoutRows: isWithoutRows.has(oid),
      })),
    warnings: [
      ...keyWarnings,
      ...tableWarnings(resolved),
      ...sizeWarnings(projection.storedBytes.value, await readSettings(deps.source)),
    ],
  };
}

/** Foreign keys of what is selected whose other end has no rows in the backup: a restore can't make them valid. */
async function readKeyWarnings(
  session: DatabaseSession,
  { tables, withoutRows }: ResolvedSelection,
): Promise<string[]> {
  const empty = new Set(withoutRows.map((table) => table.oid));
  const filled = tables.map((table) => table.oid).filter((oid) => !empty.has(oid));
  const rows = await session.query<{ name: string; own: string; other: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS own, confrelid::regclass::text AS other FROM pg_constraint
     WHERE contype = 'f' AND conparentid = 0 AND conrelid = ANY ($1::oid[]) AND confrelid <> ALL ($1::oid[]) ORDER BY 2, 1`,
    [filled],
  );
  return rows.map(
    ({ name, own, other }) =>
      `The foreign key ${name} of ${own} can't be restored from this backup alone: it has no rows of ${other}.`,
  );
}

function tableWarnings({ tables }: ResolvedSelection): string[] {
  const oids = new Set(tables.map((table) => table.oid));
  return tables.flatMap(({ kind, schema, name, parents }) => {
    if (kind === 'f') {
      return [`${schema}.${name} is a foreign table: its definition is in the backup, its rows are not.`];
    }
    return parents.some((parent) => !oids.has(parent))
      ? [`${schema}.${name} comes without its parent, which has to be there before it is restored.`]
      : [];
  });
}

function sizeWarnings(storedBytes: number, settings: SettingsRow): string[] {
  const { notifyOnLargeBackups, largeBackupThresholdMb } = settings;
  return notifyOnLargeBackups && storedBytes > largeBackupThresholdMb * 1_000_000
    ? [`It would be larger than the ${largeBackupThresholdMb} MB of large_backup_threshold_mb.`]
    : [];
}
