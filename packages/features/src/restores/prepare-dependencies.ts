/** Makes a scratch database ready for a selection: the types, functions and tables that it needs but does not hold, without rows. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArchiveInspector, type TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { runTool } from '@holdfast/platform/process/run-tool';
import { pgDumpCommand } from '@holdfast/platform/pgtools/pg-dump';
import { pgRestoreCommand } from '@holdfast/platform/pgtools/pg-restore';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { readStoredEntries } from '../archives/index.ts';
import type { BackupRow } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { writeListFile } from './restore-archive.ts';

export interface PrepareOptions {
  readonly backup: BackupRow;
  readonly client: ClientPrograms;
  readonly source: DatabaseAddress;
  readonly scratch: DatabaseAddress;
}

export interface Prepared {
  /** Entries of the backup to restore, as a list file; null for all. */
  readonly listFile: string | null;
  /** Foreign keys to tables that the selection leaves out: without their rows they can't hold. */
  readonly skippedForeignKeys: readonly string[];
}

export function isSelection(backup: BackupRow): boolean {
  return (
    backup.includedTables.length > 0 || backup.includedSchemas.length > 0 || backup.excludedTables.length > 0
  );
}

export async function prepareDependencies(
  context: OperationContext,
  options: PrepareOptions,
): Promise<Prepared> {
  if (!isSelection(options.backup)) {
    return { listFile: null, skippedForeignKeys: [] };
  }
  const folder = path.join(context.deps.scratchDir, `drill-${context.ref.id}-${context.attempt}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  context.onEnd(() => rm(folder, { recursive: true, force: true }));
  const { storage } = context.deps;
  const entries = await readStoredEntries(
    {
      source: { storage: storage.location, path: options.backup.filePath, attempt: null },
      compression: options.backup.compressionType,
    },
    context.signal,
  );
  await restoreCompany(context, options, { folder, entries });
  const skipped = entries.filter(
    (entry) => entry.description === 'FK CONSTRAINT' && !refersInside(entry, entries),
  );
  const listFile = path.join(folder, 'backup.list');
  await writeListFile(
    listFile,
    entries.filter((entry) => !skipped.includes(entry)).map((entry) => `${entry.dumpId};`),
  );
  return { listFile, skippedForeignKeys: skipped.map((entry) => `${entry.schema}.${entry.tag}`) };
}

interface Company {
  readonly folder: string;
  /** Of the backup: what it brings itself. */
  readonly entries: readonly TocEntry[];
}

/** What of the live schema the backup lacks. Parts that can't stand without the backup's own tables are left out by pg_restore. */
async function restoreCompany(
  context: OperationContext,
  { client, source, scratch }: PrepareOptions,
  { folder, entries }: Company,
): Promise<void> {
  const { connect, settings } = context;
  const file = path.join(folder, 'schema.dump');
  const inspector = await ArchiveInspector.create();
  const dump = await runTool(
    pgDumpCommand({
      client,
      address: source,
      connect,
      selection: { isSchemaOnly: true, section: 'pre-data' },
      lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
    }),
  );
  try {
    await pipeline(
      dump.stdout,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          inspector.write(chunk);
          yield chunk;
        }
      },
      createWriteStream(file, { mode: 0o600 }),
      { signal: context.signal },
    );
    const exit = await dump.exited;
    if (exit.exitCode !== 0) {
      throw classifyToolFailure('pg_dump of the schema', `exited with status ${exit.exitCode}`, exit.stderr);
    }
  } finally {
    await dump.end();
  }
  const own = new Set(entries.map(identityOf));
  const listFile = path.join(folder, 'schema.list');
  await writeListFile(
    listFile,
    inspector
      .end()
      .entries.filter((entry) => !own.has(identityOf(entry)))
      .map((entry) => `${entry.dumpId};`),
  );
  const restorer = await runTool(
    pgRestoreCommand({
      client,
      address: scratch,
      connect,
      withOwners: false,
      listFile,
      isExitOnError: false,
    }),
  );
  try {
    await pipeline(createReadStream(file), restorer.stdin, { signal: context.signal });
    const exit = await restorer.exited;
    context.logger.debug(
      { exitCode: exit.exitCode, stderr: exit.stderr.slice(0, 2_000) },
      'schema around the selection restored',
    );
  } finally {
    await restorer.end();
  }
}

function identityOf({ description, schema, tag }: TocEntry): string {
  return JSON.stringify([description, schema, tag]);
}

const identifier = '("(?:[^"]|"")+"|[^\\s."(]+)';
const referencePattern = new RegExp(`\\bREFERENCES ${identifier}\\.${identifier}\\s*\\(`);

/** True where the table that a foreign key refers to is part of the archive. */
function refersInside({ definition }: TocEntry, entries: readonly TocEntry[]): boolean {
  const [, schema, table] = referencePattern.exec(definition) ?? [];
  const plain = (name = ''): string =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  return entries.some(
    (entry) => entry.description === 'TABLE' && entry.schema === plain(schema) && entry.tag === plain(table),
  );
}
