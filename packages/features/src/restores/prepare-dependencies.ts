/** Makes a scratch database ready for a selection: the types, functions and tables that it needs but does not hold, without rows. */
import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '@holdfast/contracts/manifest';
import { ArchiveInspector, type TocEntry } from '@holdfast/platform/archive/archive-inspector';
import type { EntryKey } from '@holdfast/platform/archive/replay-script';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { runTool } from '@holdfast/platform/process/run-tool';
import { pgDumpCommand } from '@holdfast/platform/pgtools/pg-dump';
import { pgRestoreCommand } from '@holdfast/platform/pgtools/pg-restore';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import type { ArchiveThread } from '../archives/index.ts';
import { type BackupRow, isPartial, storedArchive } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { createScratchFolder } from '../operations/jobs.ts';
import { writeListFile } from './restore-archive.ts';
import { withoutUnsatisfiable } from './unsatisfiable-entries.ts';

export interface PrepareOptions {
  readonly thread: ArchiveThread;
  readonly backup: BackupRow;
  readonly manifest: Manifest;
  readonly client: ClientPrograms;
  readonly source: DatabaseAddress;
  readonly scratch: DatabaseAddress;
}

export interface Prepared {
  /** Entries of the backup to restore, as a list file; null for all. */
  readonly listFile: string | null;
  /** Foreign keys to tables that the backup leaves out, or whose rows it leaves out: they can't hold. */
  readonly skippedForeignKeys: readonly string[];
  /** The same, for a script, which no list file filters. */
  readonly skippedEntries: readonly EntryKey[];
}

export async function prepareDependencies(
  context: OperationContext,
  options: PrepareOptions,
): Promise<Prepared> {
  const { backup, manifest } = options;
  const withoutRows = manifest.selection?.withoutRows ?? [];
  if (!isPartial(backup) && withoutRows.length === 0) {
    return { listFile: null, skippedForeignKeys: [], skippedEntries: [] };
  }
  const folder = await createScratchFolder(context, { name: 'selection', neededBytes: 0 });
  const entries = await readStoredToc(context, options);
  if (isPartial(backup)) {
    await restoreCompany(context, options, { folder, entries });
  }
  const { kept, skippedForeignKeys } = withoutUnsatisfiable(entries, withoutRows);
  const listFile = path.join(folder, 'backup.list');
  await writeListFile(
    listFile,
    kept.map((entry) => `${entry.dumpId};`),
  );
  const skippedEntries = entries
    .filter((entry) => !kept.includes(entry))
    .map(({ description, schema, tag }) => ({ description, schema, tag }));
  return { listFile, skippedForeignKeys, skippedEntries };
}

async function readStoredToc(
  { deps, signal, progress }: OperationContext,
  { backup, thread }: PrepareOptions,
): Promise<readonly TocEntry[]> {
  return await thread.run('readStoredEntries', await storedArchive(deps, backup), {
    signal,
    onProgress: () => progress.meter.touch(),
  });
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

/** A script has spaces for the line breaks of a name. */
function identityOf({ description, schema, tag }: TocEntry): string {
  return JSON.stringify([description, schema, tag].map((text) => text.replaceAll(/[\r\n]/g, ' ')));
}
