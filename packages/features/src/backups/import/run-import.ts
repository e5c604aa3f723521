/** Job: run one attempt of an import: the file read whole, converted, inspected, counted and stored like a backup of our own. */
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import { flawsOf, patchedRelease } from '@holdfast/platform/pgtools/client-flaws';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { type ArchiveThread, startArchiveThread, type WrittenArchive } from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { Completion } from '../../operations/jobs.ts';
import type { PartialFile, StorageDriver } from '../../storage/index.ts';
import { removeEarlierFiles, takeOwnName } from '../attempt-files.ts';
import type { BackupRow, ImportOrigin } from '../backup.entity.ts';
import { storageOf } from '../backup-storage.ts';
import { buildManifest } from '../build-manifest.ts';
import { checkSpace } from '../check-space.ts';
import { signManifest } from '../manifest-file.ts';
import { noteWarnings } from '../note-warnings.ts';
import { proveReadable } from '../prove-readable.ts';
import { publish, rereadAndCompare, reservePartial, writeManifest } from '../run-backup.ts';
import { storedArchive } from '../stored-archive.ts';
import { describeImport } from './describe-import.ts';
import { removeUpload } from './import-uploads.ts';

const steps = {
  check: { name: 'Looking at the file', from: 0, to: 1 },
  convert: { name: 'Importing', from: 1, to: 94 },
  list: { name: 'Listing the stored archive', from: 98, to: 99 },
  publish: { name: 'Publishing', from: 99, to: 99 },
} as const;

/** Raw bytes for each byte of a compressed file, about: only the percentage depends on it. */
const usualRatio = 4;

interface Parts {
  readonly row: BackupRow;
  readonly origin: ImportOrigin;
  readonly storage: StorageDriver;
  readonly thread: ArchiveThread;
  readonly partial: PartialFile;
  readonly client: ClientPrograms;
}

export async function runImport(context: OperationContext, found: BackupRow): Promise<Completion> {
  const { deps, progress, onEnd } = context;
  progress.startStep(steps.check);
  const origin = found.import;
  if (origin === null) {
    throw new AppError('INVALID_CONFIG', `Backup ${found.id} has no file to be imported from.`);
  }
  const storage = storageOf(deps.storage, found);
  const row = await takeOwnName(context, found, storage);
  await removeEarlierFiles(context, row, storage);
  const client = chooseClient(await deps.findClients(), origin.dumpVersion || '0');
  refuseFlawedClient(client, origin);
  const file = await storage.stat(origin.path);
  if (file === null) {
    throw new AppError('BACKUP_NOT_FOUND', `${origin.path} is no longer in ${storage.target}.`);
  }
  await checkSpace(context, {
    owner: { kind: 'backup', id: row.id },
    storage,
    neededBytes: file.sizeBytes,
    reservedBytes: 0,
  });
  const thread = startArchiveThread();
  onEnd(() => thread.close());
  if (origin.isUpload) {
    // A failed attempt may be followed by another, which reads it again; the sweep removes it after the last.
    onEnd(async (isCompleted) => {
      if (isCompleted) {
        await removeUpload(deps, storage.target, origin.path);
      }
    });
  }
  const partial = reservePartial(context, storage, row.filePath);
  return await produce(context, { row, origin, storage, thread, partial, client }, file.sizeBytes);
}

/** @throws AppError VERSION_MISMATCH where a crafted file could take over the program that reads it */
function refuseFlawedClient({ version }: ClientPrograms, { allowUnpatchedClient }: ImportOrigin): void {
  const flaws = flawsOf(version);
  if (flaws.length > 0 && !allowUnpatchedClient) {
    const release = patchedRelease(version);
    throw new AppError(
      'VERSION_MISMATCH',
      `The PostgreSQL client ${version} of the worker has known flaws (${flaws.flatMap(({ ids }) => ids).join(', ')}): ${flaws.map(({ effect }) => effect).join('; ')}.`,
      {
        remediation: `Install ${release === null ? 'a release of a newer major version' : `${release} or newer`} on the workers, or, when you know where the file comes from, import it with allowUnpatchedClient.`,
      },
    );
  }
}

async function produce(context: OperationContext, parts: Parts, fileBytes: number): Promise<Completion> {
  const { deps, attempt, progress } = context;
  const { row, storage, thread, client } = parts;
  const written = await convert(context, parts, fileBytes);
  await deps.reached('backup-written');
  const archive = await storedArchive(deps, row, attempt);
  await rereadAndCompare(context, { thread, written, archive, copyCount: 0 });
  const isListed = row.encryption === null || (await deps.keyring.canOpen(row.encryption.recipients));
  if (isListed) {
    progress.startStep(steps.list);
    await proveReadable(context, { thread, client, archive, written });
  }
  progress.startStep(steps.publish, written.stored.sizeBytes);
  const manifest = importManifest(context, parts, written);
  const manifestPartial = await writeManifest(context, parts, signManifest(manifest, deps.secrets));
  await storage.preparePublish(parts.partial, {
    signal: context.signal,
    onBytes: (bytes) => progress.meter.addBytes(bytes),
  });
  const published = new Set<PartialFile>();
  return async (manager) => {
    await deps.reached('backup-publishing');
    await publish(storage, [manifestPartial, parts.partial], published);
    const { sizeBytes } = written.stored;
    return {
      backup_type: manifest.backup.backupType,
      file_size: sizeBytes,
      uncompressed_size: written.contents.bytes,
      checksum_md5: written.stored.md5,
      checksum_sha256: written.stored.sha256,
      postgres_version: manifest.database.serverVersion,
      metadata: { isListed, ...(await noteWarnings(manager, row, { sizeBytes, warnings: [] })) },
      manifest,
      proof_level: 'stored',
      proved_at: deps.clock.now(),
    };
  };
}

async function convert(
  { progress, signal }: OperationContext,
  { row, origin, storage, thread, partial }: Parts,
  fileBytes: number,
): Promise<WrittenArchive> {
  const { wrapping, innerCompression } = origin;
  const isRaw = wrapping === 'none' && innerCompression === 'none';
  progress.startStep(steps.convert, isRaw ? fileBytes : fileBytes * usualRatio, !isRaw);
  const imported = {
    source: { storage: storage.location, path: origin.path, attempt: null },
    format: row.backupFormat,
    wrapping,
    innerCompression,
  };
  return await thread.run(
    'writeArchive',
    {
      dump: { imported },
      format: row.backupFormat,
      compression: { type: row.compressionType, level: row.compressionLevel },
      recipients: row.encryption?.recipients ?? [],
      storage: storage.location,
      partial,
      copies: [],
      requiredCopies: 0,
      expectedBytes: fileBytes,
    },
    { signal, onProgress: progress.meter.addMoved },
  );
}

function importManifest(
  { deps, attempt }: OperationContext,
  { row, origin }: Parts,
  written: WrittenArchive,
): Manifest {
  const described = describeImport(written.contents, row.databaseName);
  const { fileName, wrapping, innerCompression } = origin;
  const checksums = written.origin ?? written.stored;
  return {
    ...buildManifest({
      row: { ...row, backupType: described.backupType },
      attempt,
      written,
      facts: described.facts,
      constraints: described.constraints,
      resolved: { tables: [], withoutRows: described.withoutRows },
      globals: null,
      clientVersion: written.contents.header.dumpVersion,
      completedAt: deps.clock.now(),
    }),
    import: { fileName, ...checksums, wrapping, innerCompression, assumed: described.assumed },
  };
}
