/**
 * The copies of a running backup, written in the same pass. Each that goes wrong is lost for this attempt: the attempt fails at once where
 * too few remain, else the lost one is recorded as owed and made up for from the stored backup.
 */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import {
  type ArchiveThread,
  failureOfCopy,
  type StoredSource,
  type WriteArchiveInput,
  type WrittenArchive,
} from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { PartialFile, StorageDriver } from '../../storage/index.ts';
import { removeEarlierFiles, removeUnlessCompleted } from '../attempt-files.ts';
import type { BackupRow } from '../backup.entity.ts';
import { checkSpace } from '../check-space.ts';
import { chooseCopies, requiredCopies } from './choose-copies.ts';
import { copyAndCompare } from './copy-and-compare.ts';
import { BackupCopyEntity } from './copy.entity.ts';

/** What the writing of the archive has to know of them. */
export type CopyDestinations = Pick<WriteArchiveInput, 'copies' | 'requiredCopies'>;

interface Leg {
  readonly storage: StorageDriver;
  readonly partial: PartialFile;
  /** What may lie there before it is published, the archive first. */
  readonly partials: PartialFile[];
  failure: AppError | null;
}

export class CopyLegs {
  readonly #context: OperationContext;
  readonly #row: BackupRow;
  readonly #legs: readonly Leg[];
  readonly required: number;

  private constructor(context: OperationContext, row: BackupRow, storages: readonly StorageDriver[]) {
    this.#context = context;
    this.#row = row;
    this.#legs = storages.map((storage) => {
      const partial = { path: row.filePath, attempt: context.attempt };
      return { storage, partial, partials: [partial], failure: null };
    });
    this.required = requiredCopies(row, storages.length);
  }

  /** Also clears away what earlier attempts left on these targets, and sees to it that this one leaves nothing. */
  static async prepare(context: OperationContext, row: BackupRow, primary: StorageDriver): Promise<CopyLegs> {
    const { deps, onEnd } = context;
    const storages = await chooseCopies(deps.source.manager, deps.storage, row, primary);
    const legs = new CopyLegs(context, row, storages);
    for (const { storage, partials } of legs.#legs) {
      onEnd(async (isCompleted) => {
        for (const partial of partials) {
          await storage.removePartial(partial);
        }
        if (!isCompleted) {
          await removeUnlessCompleted(context, storage, row.filePath);
        }
      });
    }
    await legs.#each((leg) => removeEarlierFiles(context, row, leg.storage));
    return legs;
  }

  get #remaining(): Leg[] {
    return this.#legs.filter(({ failure }) => failure === null);
  }

  /** How many targets are still written to. */
  get count(): number {
    return this.#remaining.length;
  }

  get destinations(): CopyDestinations {
    return {
      copies: this.#remaining.map(({ storage, partial }) => ({ storage: storage.location, partial })),
      requiredCopies: this.required,
    };
  }

  /** Each as the backup itself; the quota counts them all. */
  async checkSpace(neededBytes: number): Promise<void> {
    let reservedBytes = neededBytes;
    await this.#each(async ({ storage }) => {
      await checkSpace(this.#context, {
        owner: { kind: 'backup', id: this.#row.id },
        storage,
        neededBytes,
        reservedBytes,
      });
      reservedBytes += neededBytes;
    });
  }

  /** What came of the destinations. */
  async takeOutcomes({ copies }: WrittenArchive): Promise<void> {
    const written = this.#remaining;
    for (const [index, failure] of copies.entries()) {
      const leg = written[index];
      if (leg !== undefined && failure !== null) {
        await this.#lose(leg, new AppError(failure.code, failure.message, failure));
      }
    }
  }

  /** A copy counts only when its own target has given back what was sent. */
  async reread(thread: ArchiveThread, { stored }: WrittenArchive): Promise<void> {
    const { signal, progress } = this.#context;
    await this.#each(async (leg) => {
      const found = await thread.run('hashStored', sourceOf(leg.storage, leg.partial), {
        signal,
        onProgress: progress.meter.addMoved,
      });
      if (found.sha256 !== stored.sha256 || found.sizeBytes !== stored.sizeBytes) {
        throw new AppError(
          'FILE_CORRUPTION',
          `The storage gave back ${found.sizeBytes} bytes that differ from the ${stored.sizeBytes} written.`,
        );
      }
    });
  }

  /**
   * Manifest and globals, then all of it under the final names. Before the row is completed: the names are this attempt's own, and
   * a storage that is slow now holds no lock.
   */
  async publish(
    thread: ArchiveThread,
    primary: StorageDriver,
    beside: readonly PartialFile[],
  ): Promise<void> {
    const { signal, progress } = this.#context;
    await this.#each(async ({ storage, partial, partials }) => {
      for (const file of beside) {
        partials.push(file);
        await copyAndCompare(this.#context, thread, {
          from: sourceOf(primary, file),
          to: storage,
          partial: file,
          expectedBytes: 0,
        });
      }
      await storage.preparePublish(partial, { signal, onBytes: () => progress.meter.touch() });
      for (const file of [...beside, partial]) {
        await storage.publishPartial(file);
      }
    });
  }

  /** In the transaction that completes the backup. */
  async record(manager: EntityManager, { stored }: WrittenArchive): Promise<void> {
    const { deps, attempt, settings } = this.#context;
    const now = deps.clock.now();
    for (const { storage, failure } of this.#legs) {
      const place = {
        backupId: this.#row.id,
        storageTarget: storage.target,
        fileSize: stored.sizeBytes,
        attempt,
        createdBy: this.#row.createdBy,
      };
      if (failure === null) {
        await manager.insert(BackupCopyEntity, {
          ...place,
          status: 'completed',
          checksumSha256: stored.sha256,
          proofLevel: 'stored',
          provedAt: now,
          completedAt: now,
        });
      } else {
        const inserted = await manager.insert(BackupCopyEntity, {
          ...place,
          errorCode: failure.code,
          errorMessage: failure.message,
          errorRemediation: failure.remediation,
        });
        await manager.query(
          `UPDATE backup_copies SET not_before = clock_timestamp() + $2 * interval '1 second' WHERE id = $1`,
          [inserted.identifiers[0]?.['id'], settings.retryDelay],
        );
      }
    }
  }

  async #each(work: (leg: Leg) => Promise<void>): Promise<void> {
    for (const leg of this.#remaining) {
      try {
        await work(leg);
      } catch (error) {
        this.#context.signal.throwIfAborted();
        if (!(error instanceof AppError)) {
          throw error;
        }
        await this.#lose(leg, error);
      }
    }
  }

  /** @throws its failure where the backup can't do without it */
  async #lose(leg: Leg, error: AppError): Promise<void> {
    const { logger } = this.#context;
    const { target } = leg.storage;
    leg.failure = failureOfCopy(target, error);
    if (this.#remaining.length < this.required) {
      throw leg.failure;
    }
    logger.warn(
      { target, code: error.code, error: error.message },
      'a copy was lost; it is made up for later',
    );
    // Now, while nobody else can be writing there yet.
    for (const partial of leg.partials) {
      try {
        await leg.storage.removePartial(partial);
        await leg.storage.remove(partial.path);
      } catch (removing) {
        logger.info({ target, error: (removing as Error).message }, 'a lost copy could not be cleared away');
        return;
      }
    }
  }
}

function sourceOf(storage: StorageDriver, { path, attempt }: PartialFile): StoredSource {
  return { storage: storage.location, path, attempt };
}
