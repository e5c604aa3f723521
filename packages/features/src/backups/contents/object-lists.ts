/** The objects of backups, as read from the heads of their files and kept for a while: archives never change. */
import { AppError } from '@holdfast/contracts/errors';
import { type ArchiveThread, startArchiveThread, type StoredObject } from '../../archives/index.ts';
import { countObjects } from '../build-manifest.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';
import { type StoredArchiveDeps, storedArchive } from '../stored-archive.ts';

/** All lists that are kept have no more objects than this together: some 50 MB. */
const maxKeptObjects = 500_000;
/** The head of a sane archive is read in far less, also from a slow storage. */
const readTimeoutMs = 30_000;

export class ObjectLists {
  readonly #deps: StoredArchiveDeps;
  /** The one used longest ago first. */
  readonly #kept = new Map<string, readonly StoredObject[]>();
  readonly #reading = new Map<string, Promise<readonly StoredObject[]>>();
  /** One archive is read at a time, whoever asks: reading starts programs. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(deps: StoredArchiveDeps) {
    this.#deps = deps;
  }

  /** @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, TIMEOUT */
  async of(backup: CompletedBackup): Promise<readonly StoredObject[]> {
    const key = `${backup.id} ${backup.checksumSha256}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const reading = this.#reading.get(key) ?? this.#read(key, backup);
    return await reading;
  }

  #read(key: string, backup: CompletedBackup): Promise<readonly StoredObject[]> {
    const reading = this.#queue.then(() => readObjects(this.#deps, backup));
    this.#queue = reading.catch(() => undefined);
    this.#reading.set(key, reading);
    reading.then(
      (objects) => {
        this.#reading.delete(key);
        this.#keep(key, objects);
      },
      () => this.#reading.delete(key),
    );
    return reading;
  }

  #keep(key: string, objects: readonly StoredObject[]): void {
    this.#kept.set(key, objects);
    let total = [...this.#kept.values()].reduce((sum, list) => sum + list.length, 0);
    for (const [oldest, list] of this.#kept) {
      if (total <= maxKeptObjects) {
        return;
      }
      this.#kept.delete(oldest);
      total -= list.length;
    }
  }
}

/** What the manifest names: all that can be told of an encrypted backup where nobody has its identity. */
export function objectsOfManifest({ tables, sequences }: CompletedBackup['manifest']): StoredObject[] {
  const named = (kind: string) => (found: { schema: string; name: string }) => ({
    kind,
    schema: found.schema,
    name: found.name,
    owner: '',
  });
  return [...tables.map(named('TABLE')), ...sequences.map(named('SEQUENCE'))];
}

async function readObjects(
  deps: StoredArchiveDeps,
  backup: CompletedBackup,
): Promise<readonly StoredObject[]> {
  const thread = startArchiveThread();
  try {
    const objects = await readIn(thread, deps, backup);
    checkKinds(backup, objects);
    return objects;
  } finally {
    await thread.close();
  }
}

async function readIn(
  thread: ArchiveThread,
  deps: StoredArchiveDeps,
  backup: CompletedBackup,
): Promise<readonly StoredObject[]> {
  const signal = AbortSignal.timeout(readTimeoutMs);
  try {
    return await thread.run('listStoredObjects', await storedArchive(deps, backup), {
      signal,
      onProgress: () => undefined,
    });
  } catch (error) {
    if (signal.aborted) {
      throw new AppError(
        'TIMEOUT',
        `Reading the table of contents took longer than ${readTimeoutMs / 1000} s.`,
        { cause: error, remediation: 'Try again when the storage is less busy.' },
      );
    }
    throw error;
  }
}

/** A file that was exchanged, or whose head is damaged, must not be shown as the contents of this backup. */
function checkKinds({ id, manifest }: CompletedBackup, objects: readonly StoredObject[]): void {
  const found = countObjects(objects.map(({ kind, name }) => ({ description: kind, tag: name })));
  for (const kind of new Set([...Object.keys(found), ...Object.keys(manifest.objects)])) {
    if (found[kind] !== manifest.objects[kind]) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The file of backup ${id} lists ${found[kind] ?? 0} of ${kind}; ${manifest.objects[kind] ?? 0} were stored.`,
      );
    }
  }
}
