/** Job: run one attempt of a backup, from the snapshot to the published file. */
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';
import { readSha256 } from '@holdfast/platform/bytes/checksums';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConstraintFacts } from '@holdfast/platform/pgtools/constraints';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { startPgDump } from '@holdfast/platform/pgtools/pg-dump';
import { type ResolvedSelection, resolveSelection } from '@holdfast/platform/pgtools/selection';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { openSourceSnapshot, type SourceFacts } from '@holdfast/platform/pgtools/source-snapshot';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import { type Completion, watchServer } from '../operations/jobs.ts';
import type { StorageUpload } from '../storage/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { buildManifest } from './build-manifest.ts';
import { estimateRawBytes } from './estimate-raw-bytes.ts';
import { listStoredArchive } from './list-stored-archive.ts';
import { manifestPath, signManifest } from './manifest-file.ts';
import { type WrittenArchive, writeArchive } from './write-archive.ts';

const steps = {
  connect: { name: 'Connecting to the database', from: 0, to: 1 },
  dump: { name: 'Creating backup', from: 1, to: 94 },
  reread: { name: 'Reading the stored file again', from: 94, to: 98 },
  list: { name: 'Listing the stored archive', from: 98, to: 99 },
  publish: { name: 'Publishing', from: 99, to: 99 },
} as const;

interface Source {
  readonly row: BackupRow;
  readonly address: DatabaseAddress;
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
  const upload = await openUpload(context, row.filePath);
  return await produce(context, { row, address }, upload);
}

/** The partial file goes with the attempt, however it ends; what was published stays under its final name. */
async function openUpload({ deps, attempt, onEnd }: OperationContext, path: string): Promise<StorageUpload> {
  const upload = await deps.storage.createUpload(path, attempt);
  onEnd(() => upload.discard());
  return upload;
}

async function produce(
  context: OperationContext,
  { row, address }: Source,
  upload: StorageUpload,
): Promise<Completion> {
  const { deps, attempt, progress } = context;
  const dumped = await dump(context, { row, address }, upload);
  const { written, facts, client, tableBytes } = dumped;
  await upload.flush();
  await deps.reached('backup-written');
  await rereadAndCompare(context, upload, written);
  progress.startStep(steps.list);
  await listStoredArchive({
    client,
    upload,
    compression: row.compressionType,
    expectedEntries: written.contents.entries.length,
    signal: context.signal,
  });
  progress.startStep(steps.publish);
  const manifest = buildManifest({
    ...dumped,
    row,
    attempt,
    clientVersion: client.version,
    completedAt: deps.clock.now(),
  });
  const manifestUpload = await writeManifest(context, row, signManifest(manifest, deps.secrets));
  return async () => {
    await deps.reached('backup-publishing');
    await publish(context, row, { upload, manifestUpload });
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

async function dump(
  context: OperationContext,
  { row, address }: Source,
  upload: StorageUpload,
): Promise<Dumped> {
  const { deps, settings, progress, signal, connect } = context;
  const snapshot = await openSourceSnapshot(address, connect, settings.lockWaitTimeout * 1000);
  const watch = watchServer(context, address);
  try {
    const client = chooseClient(await deps.findClients(), snapshot.facts.serverVersion);
    const resolved = await resolveSelection(snapshot.session, row);
    const inspector = await ArchiveInspector.create();
    progress.startStep(steps.dump, await estimate(context, row, resolved), true);
    const tool = await startPgDump({
      client,
      address,
      connect,
      selection: { ...resolved.selection, isSchemaOnly: row.backupType === 'schema' },
      lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
      snapshot: snapshot.snapshotId,
    });
    const written = await writeArchive({
      dump: tool,
      inspector,
      compression: { type: row.compressionType, level: row.compressionLevel },
      destination: upload.writable,
      signal,
      onBytes: (count) => {
        const { meter } = progress;
        if (meter.bytesDone === 0) {
          // The dump has its own copy of the snapshot once bytes come: the server may clean up again.
          void snapshot.release();
        }
        meter.addBytes(count);
        meter.table = inspector.currentTable;
      },
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
  upload: StorageUpload,
  { stored }: WrittenArchive,
): Promise<void> {
  progress.startStep(steps.reread, stored.sizeBytes);
  const found = await readSha256(upload.reread(), signal, (count) => progress.meter.addBytes(count));
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
): Promise<StorageUpload> {
  const upload = await openUpload(context, manifestPath(row.filePath));
  await new Promise<void>((resolve, reject) => {
    upload.writable.once('error', reject);
    upload.writable.end(`${JSON.stringify(signed, null, 2)}\n`, () => resolve());
  });
  await upload.flush();
  return upload;
}

/** Runs with the row locked for this attempt, so whatever has the final name already is of an attempt that lost it. May run twice. */
async function publish(
  { deps }: OperationContext,
  row: BackupRow,
  uploads: { upload: StorageUpload; manifestUpload: StorageUpload },
): Promise<void> {
  await deps.storage.remove(row.filePath);
  await deps.storage.remove(manifestPath(row.filePath));
  await uploads.manifestUpload.publish();
  await uploads.upload.publish();
}

/** Partial files of this backup, ours and those of attempts before it. */
async function removeOldPartials({ deps }: OperationContext, row: BackupRow): Promise<void> {
  for (const partial of await deps.storage.listPartials()) {
    if (partial.path === row.filePath || partial.path === manifestPath(row.filePath)) {
      await deps.storage.removePartial(partial);
    }
  }
}
