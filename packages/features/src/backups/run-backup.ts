/** Job: run one attempt of a backup, from the snapshot to the published file. */
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { type ResolvedSelection, resolveSelection } from '@holdfast/platform/pgtools/resolve-selection';
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
import type { PartialFile, StorageDriver } from '../storage/index.ts';
import { findAnomalies, recordAnomalies } from './anomalies/find-anomalies.ts';
import { removeEarlierFiles, takeOwnName } from './attempt-files.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { chooseStorage } from './backup-storage.ts';
import { buildManifest } from './build-manifest.ts';
import { checkSource } from './check-source.ts';
import { checkSpace } from './check-space.ts';
import { CopyLegs } from './copies/copy-legs.ts';
import { signManifest } from './manifest-file.ts';
import { noteWarnings } from './note-warnings.ts';
import { refuseReplaced } from './refuse-replaced.ts';
import { projectSize } from './project-size.ts';
import { readHistory } from './read-history.ts';
import { proveReadable } from './prove-readable.ts';
import { storedArchive } from './stored-archive.ts';
import { writeDump } from './write-dump.ts';
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
  readonly storage: StorageDriver;
  readonly partial: PartialFile;
  readonly copies: CopyLegs;
}

export async function runBackup(context: OperationContext): Promise<Completion> {
  const { deps, progress, ref } = context;
  progress.startStep(steps.connect);
  const found = await deps.source.manager.findOneByOrFail(BackupEntity, { id: Number(ref.id) });
  const storage = await chooseStorage(deps.source.manager, deps.storage, found);
  const row = await takeOwnName(context, found, storage);
  const registered = databaseAddress(await findDatabase(deps.source.manager, row.databaseId), deps.secrets);
  // A restore may have another database of that server for its target.
  const address = row.source === 'pre_restore' ? { ...registered, database: row.databaseName } : registered;
  // An earlier attempt whose worker died may still hold locks and snapshots on the server.
  await withDatabase(address, context.connect, (session) =>
    terminateBackends(
      session,
      applicationNamePrefix(deps.installation, ref),
      context.connect.applicationName,
    ),
  );
  await removeEarlierFiles(context, row, storage);
  const copies = await CopyLegs.prepare(context, row, storage);
  context.onEnd(async (isCompleted) => {
    if (!isCompleted) {
      await withDatabase(address, context.connect, (session) =>
        terminateBackends(session, context.connect.applicationName),
      );
    }
  });
  const thread = startArchiveThread();
  const partial = reservePartial(context, storage, row.filePath);
  context.onEnd(() => thread.close());
  return await produce(context, { row, address, thread, storage, partial, copies });
}

/** The partial file goes with the attempt, however it ends; what was published stays under its final name. */
export function reservePartial(
  { attempt, onEnd }: OperationContext,
  storage: StorageDriver,
  path: string,
): PartialFile {
  const partial = { path, attempt };
  onEnd(() => storage.removePartial(partial));
  return partial;
}

async function produce(context: OperationContext, parts: Parts): Promise<Completion> {
  const { deps, attempt, progress } = context;
  const { row, storage, copies } = parts;
  // First, since it is quick and asks for rights that a role may lack.
  const globals = row.includeGlobals
    ? await storeGlobals(context, parts, (path) => reservePartial(context, storage, path))
    : null;
  const dumped = await dump(context, parts);
  const { written, facts, client, resolved, warnings } = dumped;
  await deps.reached('backup-written');
  const archive = await storedArchive(deps, { ...row, storageTarget: storage.target }, attempt);
  await rereadAndCompare(context, { thread: parts.thread, written, archive, copyCount: copies.count });
  await copies.reread(parts.thread, written);
  const isListed = row.encryption === null || (await deps.keyring.canOpen(row.encryption.recipients));
  if (isListed) {
    progress.startStep(steps.list);
    await proveReadable(context, { thread: parts.thread, client, archive, written });
  }
  progress.startStep(steps.publish, written.stored.sizeBytes);
  const manifest = buildManifest({
    ...dumped,
    row,
    attempt,
    globals: globals?.manifest ?? null,
    clientVersion: client.version,
    completedAt: deps.clock.now(),
  });
  const manifestPartial = await writeManifest(context, parts, signManifest(manifest, deps.secrets));
  // The manifest first: a file under its final name always has one.
  const beside = [manifestPartial, ...(globals === null ? [] : [globals.partial])];
  await copies.publish(parts.thread, storage, beside);
  await storage.preparePublish(parts.partial, {
    signal: context.signal,
    onBytes: (bytes) => progress.meter.addBytes(bytes),
  });
  const anomalies = await findAnomalies(context, row, written);
  const published = new Set<PartialFile>();
  return async (manager) => {
    await deps.reached('backup-publishing');
    await publish(storage, [...beside, parts.partial], published);
    await copies.record(manager, written);
    return {
      file_size: written.stored.sizeBytes,
      uncompressed_size: written.contents.bytes,
      checksum_md5: written.stored.md5,
      checksum_sha256: written.stored.sha256,
      postgres_version: facts.serverVersion,
      // Without an identity the inspector's word on the bytes before they were encrypted has to do.
      metadata: {
        tableBytes: resolved.tableBytes,
        isListed,
        ...(await noteWarnings(manager, row, { sizeBytes: written.stored.sizeBytes, warnings })),
      },
      ...(await recordAnomalies(manager, row, anomalies)),
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

async function dump(
  context: OperationContext,
  { row, address, thread, storage, partial, copies }: Parts,
): Promise<Dumped> {
  const { deps, settings, connect } = context;
  const snapshot = await openSourceSnapshot(address, connect, settings.lockWaitTimeout * 1000);
  const watch = watchServer(context, address);
  try {
    const client = chooseClient(await deps.findClients(), snapshot.facts.serverVersion);
    const resolved = await resolveSelection(snapshot.session, row);
    const selection = { ...resolved.selection, isSchemaOnly: row.backupType === 'schema' };
    await checkSource(deps.source, snapshot.session, selection);
    const { rawBytes, storedBytes } = projectSize(
      { ...row, tableBytes: resolved.tableBytes, tableCount: resolved.tables.length },
      await readHistory(deps.source.manager, row.databaseId),
    );
    const neededBytes = storedBytes.value;
    await checkSpace(context, {
      owner: { kind: 'backup', id: row.id },
      storage,
      neededBytes,
      reservedBytes: 0,
    });
    await copies.checkSpace(neededBytes);
    const written = await writeDump(context, {
      row,
      thread,
      storage,
      partial,
      copies: copies.destinations,
      expectedBytes: neededBytes,
      dump: {
        client,
        address,
        connect,
        selection,
        lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
        snapshot: snapshot.snapshotId,
      },
      step: steps.dump,
      estimatedBytes: Math.max(1, rawBytes.value),
      releaseSnapshot: () => snapshot.release(),
    });
    await withDatabase(address, connect, (session) => refuseReplaced(session, resolved, written));
    await copies.takeOutcomes(written);
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

interface Reread {
  readonly thread: ArchiveThread;
  readonly written: WrittenArchive;
  readonly archive: StoredSource;
  /** Copies that are read again after it, for the percentage. */
  readonly copyCount: number;
}

/** What the target gives back must be what was sent: a disk that loses bytes is found here, not on the day of the restore. */
export async function rereadAndCompare(
  { progress, signal }: OperationContext,
  { thread, written: { stored }, archive, copyCount }: Reread,
): Promise<void> {
  progress.startStep(steps.reread, stored.sizeBytes * (1 + copyCount));
  const found = await thread.run('hashStored', archive, { signal, onProgress: progress.meter.addMoved });
  if (found.sha256 !== stored.sha256 || found.sizeBytes !== stored.sizeBytes) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The storage gave back ${found.sizeBytes} bytes that differ from the ${stored.sizeBytes} written.`,
    );
  }
}

export async function writeManifest(
  context: OperationContext,
  { row, storage }: Pick<Parts, 'row' | 'storage'>,
  signed: SignedManifest,
): Promise<PartialFile> {
  const partial = reservePartial(context, storage, manifestPath(row.filePath));
  const text = `${JSON.stringify(signed, null, 2)}\n`;
  await pipeline([text], await storage.createPartial(partial));
  return partial;
}

/** Runs with the row locked for this attempt; again where the metadata database went away before its answer: what is published stays so. */
export async function publish(
  storage: StorageDriver,
  partials: readonly PartialFile[],
  published: Set<PartialFile>,
): Promise<void> {
  for (const partial of partials) {
    if (!published.has(partial)) {
      await storage.publishPartial(partial);
      published.add(partial);
    }
  }
}
