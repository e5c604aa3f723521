/** Job: run one attempt of a backup, from the snapshot to the published file. */
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { pgDumpCommand } from '@holdfast/platform/pgtools/pg-dump';
import { type ResolvedSelection, resolveSelection } from '@holdfast/platform/pgtools/resolve-selection';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { openSourceSnapshot, type SourceFacts } from '@holdfast/platform/pgtools/source-snapshot';
import {
  type ArchiveThread,
  listStoredArchive,
  startArchiveThread,
  type StoredSource,
  type WrittenArchive,
} from '../archives/index.ts';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import { type Completion, watchServer } from '../operations/jobs.ts';
import type { PartialFile } from '../storage/index.ts';
import { removeEarlierFiles, takeOwnName } from './attempt-files.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { buildManifest } from './build-manifest.ts';
import { estimateRawBytes } from './estimate-raw-bytes.ts';
import { signManifest } from './manifest-file.ts';
import { storeGlobals } from './store-globals.ts';
import { manifestPath } from './stored-files.ts';

const steps = {
  connect: { name: 'Connecting to the database', from: 0, to: 1 },
  dump: { name: 'Creating backup', from: 1, to: 94 },
  reread: { name: 'Reading the stored file again', from: 94, to: 98 },
  list: { name: 'Listing the stored archive', from: 98, to: 99 },
  publish: { name: 'Publishing', from: 99, to: 99 },
} as const;

interface Parts {
  readonly row: BackupRow;
  readonly address: DatabaseAddress;
  readonly thread: ArchiveThread;
  readonly partial: PartialFile;
}

export async function runBackup(context: OperationContext): Promise<Completion> {
  const { deps, progress, ref } = context;
  progress.startStep(steps.connect);
  const row = await takeOwnName(
    context,
    await deps.source.manager.findOneByOrFail(BackupEntity, { id: Number(ref.id) }),
  );
  const address = databaseAddress(await findDatabase(deps.source.manager, row.databaseId), deps.secrets);
  // An earlier attempt whose worker died may still hold locks and snapshots on the server.
  await withDatabase(address, context.connect, (session) =>
    terminateBackends(
      session,
      applicationNamePrefix(deps.installation, ref),
      context.connect.applicationName,
    ),
  );
  await removeEarlierFiles(context, row);
  context.onEnd(async (isCompleted) => {
    if (!isCompleted) {
      await withDatabase(address, context.connect, (session) =>
        terminateBackends(session, context.connect.applicationName),
      );
    }
  });
  const thread = startArchiveThread();
  const partial = reservePartial(context, row.filePath);
  context.onEnd(() => thread.close());
  return await produce(context, { row, address, thread, partial });
}

/** The partial file goes with the attempt, however it ends; what was published stays under its final name. */
function reservePartial({ deps, attempt, onEnd }: OperationContext, path: string): PartialFile {
  const partial = { path, attempt };
  onEnd(() => deps.storage.removePartial(partial));
  return partial;
}

async function produce(context: OperationContext, parts: Parts): Promise<Completion> {
  const { deps, attempt, progress } = context;
  const { row } = parts;
  // First, since it is quick and asks for rights that a role may lack.
  const globals = row.includeGlobals
    ? await storeGlobals(context, parts, (path) => reservePartial(context, path))
    : null;
  const dumped = await dump(context, parts);
  const { written, facts, client, resolved, warnings } = dumped;
  await deps.reached('backup-written');
  const source = { storage: deps.storage.location, ...parts.partial };
  await rereadAndCompare(context, parts, written, source);
  progress.startStep(steps.list);
  await listStoredArchive({
    client,
    source,
    compression: row.compressionType,
    expectedEntries: written.contents.entries.length,
    signal: context.signal,
  });
  progress.startStep(steps.publish);
  const manifest = buildManifest({
    ...dumped,
    row,
    attempt,
    globals: globals?.manifest ?? null,
    clientVersion: client.version,
    completedAt: deps.clock.now(),
  });
  const manifestPartial = await writeManifest(context, row, signManifest(manifest, deps.secrets));
  const published = new Set<PartialFile>();
  return async () => {
    await deps.reached('backup-publishing');
    // The manifest first: a file under its final name always has one.
    await publish(
      context,
      [manifestPartial, ...(globals === null ? [] : [globals.partial]), parts.partial],
      published,
    );
    return {
      file_size: written.stored.sizeBytes,
      uncompressed_size: written.contents.bytes,
      checksum_md5: written.stored.md5,
      checksum_sha256: written.stored.sha256,
      postgres_version: facts.serverVersion,
      storage_target: deps.storage.target,
      metadata: {
        tableBytes: resolved.tableBytes,
        ...(warnings.length === 0 ? {} : { warnings }),
      },
      manifest,
      proof_level: 'stored',
      proved_at: deps.clock.now(),
    };
  };
}

interface Dumped {
  readonly written: WrittenArchive;
  readonly facts: SourceFacts;
  readonly constraints: ConstraintFacts;
  readonly client: ClientPrograms;
  readonly resolved: ResolvedSelection;
  /** What went on beside the dump although it succeeded. */
  readonly warnings: readonly string[];
}

async function dump(context: OperationContext, { row, address, thread, partial }: Parts): Promise<Dumped> {
  const { deps, settings, progress, signal, connect } = context;
  const snapshot = await openSourceSnapshot(address, connect, settings.lockWaitTimeout * 1000);
  const watch = watchServer(context, address);
  try {
    const client = chooseClient(await deps.findClients(), snapshot.facts.serverVersion);
    const resolved = await resolveSelection(snapshot.session, row);
    progress.startStep(steps.dump, await estimate(context, row, resolved), true);
    const input = {
      dump: pgDumpCommand({
        client,
        address,
        connect,
        selection: { ...resolved.selection, isSchemaOnly: row.backupType === 'schema' },
        lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
        snapshot: snapshot.snapshotId,
      }),
      compression: { type: row.compressionType, level: row.compressionLevel },
      storage: deps.storage.location,
      partial,
    };
    const written = await thread.run('writeArchive', input, {
      signal,
      onProgress: (moved) => {
        // The dump has its own copy of the snapshot once bytes come: the server may clean up again.
        void snapshot.release();
        progress.meter.addMoved(moved);
      },
    });
    return {
      written,
      facts: snapshot.facts,
      constraints: snapshot.constraints,
      client,
      resolved,
      warnings: [...written.warnings, ...watch.warnings()],
    };
  } catch (error) {
    throw watch.explain(error);
  } finally {
    await watch.stop();
    await snapshot.release();
  }
}

async function estimate(
  { deps }: OperationContext,
  row: BackupRow,
  resolved: ResolvedSelection,
): Promise<number | null> {
  return row.backupType === 'schema'
    ? null
    : await estimateRawBytes(deps.source.manager, row, resolved.tableBytes);
}

/** What the target gives back must be what was sent: a disk that loses bytes is found here, not on the day of the restore. */
async function rereadAndCompare(
  { progress, signal }: OperationContext,
  { thread }: Parts,
  { stored }: WrittenArchive,
  source: StoredSource,
): Promise<void> {
  progress.startStep(steps.reread, stored.sizeBytes);
  const found = await thread.run('hashStored', source, { signal, onProgress: progress.meter.addMoved });
  if (found.sha256 !== stored.sha256 || found.sizeBytes !== stored.sizeBytes) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The storage gave back ${found.sizeBytes} bytes that differ from the ${stored.sizeBytes} written.`,
    );
  }
}

async function writeManifest(
  context: OperationContext,
  row: BackupRow,
  signed: SignedManifest,
): Promise<PartialFile> {
  const partial = reservePartial(context, manifestPath(row.filePath));
  const text = `${JSON.stringify(signed, null, 2)}\n`;
  await pipeline([text], await context.deps.storage.createPartial(partial));
  return partial;
}

/** Runs with the row locked for this attempt; again where the metadata database went away before its answer: what is published stays so. */
async function publish(
  { deps }: OperationContext,
  partials: readonly PartialFile[],
  published: Set<PartialFile>,
): Promise<void> {
  for (const partial of partials) {
    if (!published.has(partial)) {
      await deps.storage.publishPartial(partial);
      published.add(partial);
    }
  }
}
