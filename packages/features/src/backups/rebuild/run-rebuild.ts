/** Job: recreate the rows of backups from the manifests in a storage target. Running it twice changes nothing. */
import type { RebuildResult, RebuildSkipReason } from '@holdfast/contracts/catalog';
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import type { EntityManager } from 'typeorm';
import type { OperationContext } from '../../operations/index.ts';
import type { Completion } from '../../operations/jobs.ts';
import type { StorageDriver } from '../../storage/index.ts';
import { isManifestAuthentic } from '../manifest-file.ts';
import { archiveOf, importFolder, manifestPath } from '../stored-files.ts';
import { readStoredManifest } from '../stored-manifest.ts';
import { BackupIds } from './backup-ids.ts';
import { manifestFault } from './manifest-shape.ts';
import { RebuildEntity, type RebuildRow } from './rebuild.entity.ts';
import { recreateBackup } from './recreate-backup.ts';

const steps = {
  list: { name: 'Listing the storage', from: 0, to: 5 },
  read: { name: 'Reading manifests', from: 5, to: 99 },
} as const;

/** More would not help anybody; the count tells how many there are. */
const mostNamed = 1_000;

export async function runRebuild(context: OperationContext): Promise<Completion> {
  const { deps, ref, progress } = context;
  const row = await deps.source.manager.findOneByOrFail(RebuildEntity, { operationId: ref.id });
  const storage = deps.storage.open(row.storageTarget);
  progress.startStep(steps.list);
  const sizes = await listSizes(context, storage);
  const manifests = [...sizes.keys()].filter((file) => manifestPath(archiveOf(file)) === file).sort();
  progress.startStep(
    steps.read,
    manifests.reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0),
  );
  const rebuild = new Rebuild(context, { row, storage, sizes });
  for (const file of manifests) {
    context.signal.throwIfAborted();
    await rebuild.take(file);
    progress.meter.addBytes(sizes.get(file) ?? 0);
    await deps.reached('manifest-taken');
  }
  const filesWithoutManifest = [...sizes.keys()].filter(
    (file) => archiveOf(file) === file && !sizes.has(manifestPath(file)),
  ).length;
  return async (manager) => ({
    result: await rebuild.result(manager, { found: manifests.length, filesWithoutManifest }),
  });
}

/** Of every file under its final name, apart from what waits to be imported. */
async function listSizes(
  { signal, progress }: OperationContext,
  storage: StorageDriver,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { path, sizeBytes } of storage.list()) {
    signal.throwIfAborted();
    progress.meter.touch();
    if (!path.startsWith(`${importFolder}/`)) {
      sizes.set(path, sizeBytes);
    }
  }
  return sizes;
}

interface RebuildParts {
  readonly row: RebuildRow;
  readonly storage: StorageDriver;
  readonly sizes: ReadonlyMap<string, number>;
}

class Rebuild {
  readonly #context: OperationContext;
  readonly #parts: RebuildParts;
  readonly #ids = new BackupIds();
  readonly #skipped: RebuildResult['skippedManifests'] = [];
  readonly #databases: string[] = [];
  #skippedCount = 0;

  constructor(context: OperationContext, parts: RebuildParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async take(file: string): Promise<void> {
    const { row, storage } = this.#parts;
    const { deps, ref } = this.#context;
    const signed = await this.#read(file);
    if (signed === null) {
      return;
    }
    const isSigned = isManifestAuthentic(signed, deps.secrets);
    if (!isSigned && !row.acceptUnsigned) {
      const detail = 'It was signed with another HOLDFAST_SECRET_KEY, or changed since.';
      return this.#skip(file, 'signature_differs', detail);
    }
    const fault = this.#faultOfFiles(file, signed);
    if (fault !== null) {
      return this.#skip(file, fault.reason, fault.detail);
    }
    const recreation = await deps.source.transaction((manager) =>
      recreateBackup(
        manager,
        { manifest: signed.manifest, isSigned, storageTarget: storage.target, operationId: ref.id },
        this.#ids,
      ),
    );
    if (recreation.outcome === 'name-taken') {
      this.#skip(file, 'name_taken', recreation.detail);
    } else if (recreation.outcome === 'recreated' && recreation.newDatabase !== null) {
      this.#databases.push(recreation.newDatabase);
    }
  }

  /** Counted from the rows, so that what an earlier attempt of this rebuild has done counts too. */
  async result(
    manager: EntityManager,
    { found, filesWithoutManifest }: Pick<RebuildResult, 'found' | 'filesWithoutManifest'>,
  ): Promise<RebuildResult> {
    const [{ recreated }] = (await manager.query(
      `SELECT count(*)::int AS recreated FROM admin_backups WHERE metadata->>'rebuiltBy' = $1`,
      [this.#context.ref.id],
    )) as [{ recreated: number }];
    return {
      storageTarget: this.#parts.storage.target,
      found,
      recreated,
      alreadyThere: found - recreated - this.#skippedCount,
      skipped: this.#skippedCount,
      filesWithoutManifest,
      databasesCreated: this.#databases,
      skippedManifests: this.#skipped,
    };
  }

  /** Null where it is no manifest, which is noted. @throws AppError where the storage does not answer */
  async #read(file: string): Promise<SignedManifest | null> {
    try {
      const signed = await readStoredManifest(this.#parts.storage, file);
      const fault = manifestFault(signed.manifest);
      if (fault === null) {
        return signed;
      }
      this.#skip(file, 'manifest_unreadable', fault);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'FILE_CORRUPTION') {
        throw error;
      }
      this.#skip(file, 'manifest_unreadable', error.message);
    }
    return null;
  }

  #faultOfFiles(
    file: string,
    { manifest }: SignedManifest,
  ): { reason: RebuildSkipReason; detail: string } | null {
    const archive = archiveOf(file);
    const { path, sizeBytes } = manifest.file;
    if (path !== archive) {
      return { reason: 'manifest_misplaced', detail: `It speaks of ${path}, which is elsewhere.` };
    }
    const actual = this.#parts.sizes.get(archive);
    if (actual === undefined) {
      return { reason: 'file_missing', detail: `${archive} is not there.` };
    }
    if (actual !== sizeBytes) {
      return { reason: 'size_differs', detail: `${archive} has ${actual} bytes, right is ${sizeBytes}.` };
    }
    const globals = manifest.globals ?? null;
    return globals === null || this.#parts.sizes.get(globals.path) === globals.sizeBytes
      ? null
      : { reason: 'globals_missing', detail: `${globals.path} is not there with its size.` };
  }

  #skip(path: string, reason: RebuildSkipReason, detail: string): void {
    this.#skippedCount += 1;
    if (this.#skipped.length < mostNamed) {
      this.#skipped.push({ path, reason, detail });
    }
  }
}
