/** Reads a restored database the way its backup was read: dumped again through the same inspector, nothing stored. */
import type { Manifest } from '@holdfast/contracts/manifest';
import { type ArchiveContents, ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import {
  type ConstraintFacts,
  readConstraints,
  readInvalidIndexes,
} from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { type DatabaseSession, withDatabase } from '@holdfast/platform/pgtools/database-session';
import { startPgDump } from '@holdfast/platform/pgtools/pg-dump';
import type { OperationContext } from '../operations/index.ts';

export interface InspectOptions {
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
  { address, client, manifest }: InspectOptions,
): Promise<ArchiveContents> {
  const inspector = await ArchiveInspector.create();
  const tool = await startPgDump({
    client,
    address,
    connect,
    selection: manifest.backup.backupType === 'schema' ? { isSchemaOnly: true } : {},
    lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
  });
  const endTool = (): void => void tool.end();
  signal.addEventListener('abort', endTool, { once: true });
  try {
    for await (const chunk of tool.stdout as AsyncIterable<Buffer>) {
      inspector.write(chunk);
      progress.meter.addBytes(chunk.length);
      progress.meter.table = inspector.currentTable;
    }
    const exit = await tool.exited;
    signal.throwIfAborted();
    if (exit.exitCode !== 0) {
      throw classifyToolFailure(
        'pg_dump of the restored database',
        `exited with status ${exit.exitCode}`,
        exit.stderr,
      );
    }
    return inspector.end();
  } finally {
    signal.removeEventListener('abort', endTool);
    await tool.end();
  }
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
