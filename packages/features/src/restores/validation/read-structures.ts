/** Queries: the entries of a stored archive, and those that a dump of the live database would have now; both in bounded time. */
import { AppError } from '@holdfast/contracts/errors';
import { ArchiveInspector, type TocEntry } from '@holdfast/platform/archive/archive-inspector';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConnectOptions, DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { pgDumpCommand } from '@holdfast/platform/pgtools/pg-dump';
import { runTool } from '@holdfast/platform/process/run-tool';
import { startArchiveThread } from '../../archives/index.ts';
import { type BackupRow, storedArchive, type StoredArchiveDeps } from '../../backups/index.ts';

/** Of both: what takes longer is told of in part, since somebody waits. */
const readWithinMs = 20_000;
const lockWaitMs = 3_000;

export interface Structure {
  /** Null where it could not be read. */
  readonly entries: readonly TocEntry[] | null;
  /** Why not. */
  readonly reason: string | null;
}

export async function readStoredStructure(deps: StoredArchiveDeps, backup: BackupRow): Promise<Structure> {
  const { encryption } = backup;
  if (encryption !== null && !(await deps.keyring.canOpen(encryption.recipients))) {
    return {
      entries: null,
      reason: 'the backup is encrypted and this process has no identity that opens it',
    };
  }
  const signal = AbortSignal.timeout(readWithinMs);
  const thread = startArchiveThread();
  try {
    const archive = await storedArchive(deps, backup);
    const entries = await thread.run('readStoredEntries', archive, { signal, onProgress: () => undefined });
    return { entries, reason: null };
  } catch (error) {
    if (signal.aborted) {
      return { entries: null, reason: `reading it takes longer than ${readWithinMs / 1000} s` };
    }
    throw error;
  } finally {
    await thread.close();
  }
}

export interface LiveStructureOptions {
  readonly client: ClientPrograms;
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
}

/** As pg_dump sees it, so that both sides are told in the same words. */
export async function readLiveStructure(options: LiveStructureOptions): Promise<Structure> {
  const signal = AbortSignal.timeout(readWithinMs);
  const inspector = await ArchiveInspector.create();
  const dump = await runTool(
    pgDumpCommand({ ...options, selection: { isSchemaOnly: true }, lockWaitTimeoutMs: lockWaitMs }),
  );
  const endNow = (): void => void dump.end();
  signal.addEventListener('abort', endNow, { once: true });
  try {
    for await (const chunk of dump.stdout as AsyncIterable<Buffer>) {
      inspector.write(chunk);
    }
    const exit = await dump.exited;
    if (exit.exitCode !== 0 && !signal.aborted) {
      const failure = classifyToolFailure(
        'pg_dump of the structure',
        `exited with ${exit.exitCode}`,
        exit.stderr,
      );
      return { entries: null, reason: failure.message };
    }
    return { entries: inspector.end().entries, reason: null };
  } catch (error) {
    if (signal.aborted) {
      return { entries: null, reason: `reading it takes longer than ${readWithinMs / 1000} s` };
    }
    if (error instanceof AppError) {
      return { entries: null, reason: error.message };
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', endNow);
    await dump.end();
  }
}
