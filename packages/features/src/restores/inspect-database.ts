/** Reads a restored database the way its backup was read: dumped again through the same inspector, nothing stored. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ArchiveContents } from '@holdfast/platform/archive/archive-inspector';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import {
  type ConstraintFacts,
  readConstraints,
  readInvalidIndexes,
} from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { type DatabaseSession, withDatabase } from '@holdfast/platform/pgtools/database-session';
import { pgDumpCommand } from '@holdfast/platform/pgtools/pg-dump';
import type { ArchiveThread } from '../archives/index.ts';
import type { OperationContext } from '../operations/index.ts';

export interface InspectOptions {
  readonly thread: ArchiveThread;
  readonly address: DatabaseAddress;
  readonly client: ClientPrograms;
  readonly manifest: Manifest;
}

export interface FoundDatabase {
  readonly contents: ArchiveContents;
  readonly databaseBytes: number;
  readonly constraints: ConstraintFacts;
  readonly invalidIndexes: readonly string[];
}

export async function inspectDatabase(
  context: OperationContext,
  options: InspectOptions,
): Promise<FoundDatabase> {
  const contents = await dumpThroughInspector(context, options);
  const { address } = options;
  return await withDatabase(address, context.connect, async (session) => ({
    contents,
    ...(await readCatalogue(session)),
  }));
}

async function dumpThroughInspector(
  { signal, settings, connect, progress }: OperationContext,
  { thread, address, client, manifest }: InspectOptions,
): Promise<ArchiveContents> {
  const dump = pgDumpCommand({
    client,
    address,
    connect,
    // As the backup was made: tables without rows are told from tables whose rows are missing.
    selection: {
      isSchemaOnly: manifest.backup.backupType === 'schema',
      excludedTableData: manifest.selection?.withoutRows ?? [],
    },
    lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
  });
  return await thread.run('inspectDump', { dump }, { signal, onProgress: progress.meter.addMoved });
}

async function readCatalogue(session: DatabaseSession): Promise<Omit<FoundDatabase, 'contents'>> {
  const { size } = await session.queryOne<{ size: string }>(
    'SELECT pg_database_size(current_database())::text AS size',
  );
  return {
    databaseBytes: Number(size),
    constraints: await readConstraints(session),
    invalidIndexes: await readInvalidIndexes(session),
  };
}
