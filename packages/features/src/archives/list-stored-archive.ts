/** Lets pg_restore list the archive as it was stored: the proof that the plain tools can read it. */
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { startPgRestoreList } from '@holdfast/platform/pgtools/pg-restore';
import type { RunningTool } from '@holdfast/platform/process/run-tool';
import { openDecoded, type StoredArchive } from './open-decoded.ts';

export interface ListOptions {
  readonly client: ClientPrograms;
  readonly archive: StoredArchive & { readonly format: 'custom' | 'tar' };
  readonly expectedEntries: number;
  readonly signal: AbortSignal;
}

/** @throws AppError FILE_CORRUPTION where the listing fails or has another number of entries than the inspector saw. */
export async function listStoredArchive({
  client,
  archive,
  expectedEntries,
  signal,
}: ListOptions): Promise<void> {
  const lister = await startPgRestoreList(client, { format: archive.format });
  const decoded = await openDecoded(archive).catch(async (error: unknown) => {
    await lister.end();
    throw error;
  });
  const end = async (): Promise<void> => {
    await Promise.all([decoded.close(), lister.end()]);
  };
  const endNow = (): void => void end();
  signal.addEventListener('abort', endNow, { once: true });
  try {
    // pg_restore stops reading behind the table of contents, so this ends with a broken pipe: nobody waits for it.
    pipeline(decoded.stream, lister.stdin).catch(() => undefined);
    await expectEntries(lister, expectedEntries, signal);
  } finally {
    signal.removeEventListener('abort', endNow);
    await end();
  }
}

/** A folder that holds at least the table of contents of a dump in directory format. */
export async function listFolder({
  client,
  folder,
  expectedEntries,
  signal,
}: Pick<ListOptions, 'client' | 'expectedEntries' | 'signal'> & { readonly folder: string }): Promise<void> {
  const lister = await startPgRestoreList(client, { format: 'directory', folder });
  const end = (): void => void lister.end();
  signal.addEventListener('abort', end, { once: true });
  try {
    await expectEntries(lister, expectedEntries, signal);
  } finally {
    signal.removeEventListener('abort', end);
    await lister.end();
  }
}

async function expectEntries(lister: RunningTool, expected: number, signal: AbortSignal): Promise<void> {
  const entries = await countEntries(lister);
  const exit = await lister.exited;
  signal.throwIfAborted();
  if (exit.exitCode !== 0) {
    throw classifyToolFailure(
      'pg_restore --list',
      `exited with status ${exit.exitCode}`,
      exit.stderr,
      'FILE_CORRUPTION',
    );
  }
  if (entries !== expected) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The stored archive lists ${entries} entries where ${expected} were dumped.`,
    );
  }
}

/** The number pg_restore prints in its own header; names in the listing itself may hold line breaks. */
async function countEntries(lister: RunningTool): Promise<number> {
  let head = '';
  for await (const chunk of lister.stdout as AsyncIterable<Buffer>) {
    if (head.length < 4096) {
      head += chunk.toString('latin1');
    }
  }
  return Number(/^;\s+TOC Entries: (\d+)/m.exec(head)?.[1] ?? -1);
}
