/** Lets what will one day restore the stored bytes read them now: the proof behind "completed". */
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '@holdfast/contracts/errors';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import {
  type ArchiveThread,
  listFolder,
  listStoredArchive,
  type StoredArchive,
  type WrittenArchive,
} from '../archives/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { createScratchFolder } from '../operations/jobs.ts';

export interface ProveOptions {
  readonly thread: ArchiveThread;
  readonly client: ClientPrograms;
  readonly archive: StoredArchive;
  readonly written: WrittenArchive;
}

/** @throws AppError FILE_CORRUPTION */
export async function proveReadable(context: OperationContext, options: ProveOptions): Promise<void> {
  const { client, archive, written } = options;
  const expectedEntries = written.contents.entries.length;
  switch (archive.format) {
    case 'custom':
    case 'tar':
      await listStoredArchive({
        client,
        archive: { ...archive, format: archive.format },
        expectedEntries,
        signal: context.signal,
      });
      break;
    case 'directory': {
      const folder = await unpackTableOfContents(context, options);
      await listFolder({ client, folder, expectedEntries, signal: context.signal });
      break;
    }
    case 'plain':
      await inspectAgain(context, options);
  }
}

async function unpackTableOfContents(
  context: OperationContext,
  { thread, archive }: ProveOptions,
): Promise<string> {
  const { signal, progress } = context;
  const folder = await createScratchFolder(context, { name: 'listing', neededBytes: 0 });
  await thread.run(
    'extractStored',
    { archive, folder, what: 'table-of-contents' },
    { signal, onProgress: () => progress.meter.touch() },
  );
  return folder;
}

/**
 * No tool lists a script, and running it is what a drill does. That the stored bytes are those that the compressor gave has been shown by
 * then; that they give back the script is shown by decompressing them, and that it is the same script by finding the same in it.
 */
async function inspectAgain(
  { signal, progress }: OperationContext,
  { thread, archive, written }: ProveOptions,
): Promise<void> {
  const found = await thread.run('inspectStored', archive, {
    signal,
    onProgress: () => progress.meter.touch(),
  });
  if (!isDeepStrictEqual(found, written.contents)) {
    throw new AppError(
      'FILE_CORRUPTION',
      `The stored script holds ${found.tables.length} tables in ${found.bytes} bytes, not what was dumped: ${written.contents.tables.length} tables in ${written.contents.bytes} bytes.`,
    );
  }
}
