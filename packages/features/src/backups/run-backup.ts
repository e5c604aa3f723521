/** Job: run one attempt of a backup, from the snapshot to the published file. */
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { type ResolvedSelection, resolveSelection } from '@holdfast/platform/pgtools/selection';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { openSourceSnapshot, type SourceFacts } from '@holdfast/platform/pgtools/source-snapshot';
import {
  type ArchiveThread,
  startArchiveThread,
  type StoredSource,
  type WrittenArchive,
} from '../archives/index.ts';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import { type Completion, watchServer } from '../operations/jobs.ts';
import type { PartialFile } from '../storage/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { buildManifest } from './build-manifest.ts';
import { estimateRawBytes } from './estimate-raw-bytes.ts';
import { manifestPath, signManifest } from './manifest-file.ts';
import { proveReadable } from './prove-readable.ts';
import { writeDump } from './write-dump.ts';

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
  const row = await deps.source.manager.findOneByOrFail(BackupEntity, { id: Number(ref.id) });
  const address = databaseAddress(await findDatabase(deps.source.manager, row.databaseId), deps.secrets);
  // An earlier attempt whose worker died may still hold locks and snapshots on the server.
  await withDatabase(address, context.connect, (session) =>
    terminateBackends(
      session,
      applicationNamePrefix(deps.installation, ref),
      context.connect.applicationName,
    ),
  );
  await removeOldPartials(context, row);
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
  const dumped = await dump(context, parts);
  const { written, facts, client, tableBytes } = dumped;
  await deps.reached('backup-written');
  const source = { storage: deps.storage.location, ...parts.partial };
  await rereadAndCompare(context, parts, written, source);
  progress.startStep(steps.list);
  await proveReadable(context, { row, thread: parts.thread, client, source, written });
  progress.startStep(steps.publish);
  const manifest = buildManifest({
    ...dumped,
    row,
    attempt,
    clientVersion: client.version,
    completedAt: deps.clock.now(),
  });
  const manifestPartial = await writeManifest(context, row, signManifest(manifest, deps.secrets));
  return async () => {
    await deps.reached('backup-publishing');
    await publish(context, row, [manifestPartial, parts.partial]);
    return {
      file_size: written.stored.sizeBytes,
      uncompressed_size: written.contents.bytes,
      checksum_md5: written.stored.md5,
      checksum_sha256: written.stored.sha256,
      postgres_version: facts.serverVersion,
      storage_target: deps.storage.target,
      metadata: { tableBytes, ...(written.warnings.length === 0 ? {} : { warnings: written.warnings }) },
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
  readonly tableBytes: number;
}

async function dump(context: OperationContext, { row, address, thread, partial }: Parts): Promise<Dumped> {
  const { deps, settings, connect } = context;
  const snapshot = await openSourceSnapshot(address, connect, settings.lockWaitTimeout * 1000);
  const watch = watchServer(context, address);
  try {
    const client = chooseClient(await deps.findClients(), snapshot.facts.serverVersion);
    const resolved = await resolveSelection(snapshot.session, row);
    const written = await writeDump(context, {
      row,
      thread,
      partial,
      dump: {
        client,
        address,
        connect,
        selection: { ...resolved.selection, isSchemaOnly: row.backupType === 'schema' },
        lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
        snapshot: snapshot.snapshotId,
      },
      step: steps.dump,
      estimatedBytes: await estimate(context, row, resolved),
      releaseSnapshot: () => snapshot.release(),
    });
    return {
      written,
      facts: snapshot.facts,
      constraints: snapshot.constraints,
      client,
      tableBytes: resolved.tableBytes,
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

/**
 * The manifest first: a file under its final name always has one.
 * Runs with the row locked for this attempt, so whatever has the final name already is of an attempt that lost it. May run twice.
 */
async function publish(
  { deps }: OperationContext,
  row: BackupRow,
  partials: readonly PartialFile[],
): Promise<void> {
  await deps.storage.remove(row.filePath);
  await deps.storage.remove(manifestPath(row.filePath));
  for (const partial of partials) {
    await deps.storage.publishPartial(partial);
  }
}

/** Partial files of this backup, ours and those of attempts before it. */
async function removeOldPartials({ deps }: OperationContext, row: BackupRow): Promise<void> {
  for (const partial of await deps.storage.listPartials()) {
    if (partial.path === row.filePath || partial.path === manifestPath(row.filePath)) {
      await deps.storage.removePartial(partial);
    }
  }
}
