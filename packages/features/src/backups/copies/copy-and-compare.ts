/** Copies one stored file to another storage and reads it back there. */
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveThread, StoredSource } from '../../archives/index.ts';
import type { OperationContext } from '../../operations/index.ts';
import type { PartialFile, StorageDriver } from '../../storage/index.ts';

export interface FileToCopy {
  readonly from: StoredSource;
  readonly to: StorageDriver;
  readonly partial: PartialFile;
  readonly expectedBytes: number;
}

export interface CopiedFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** @returns what was read and is safe now in the partial file. @throws AppError FILE_CORRUPTION where the new storage gives back something else */
export async function copyAndCompare(
  { signal, progress }: OperationContext,
  thread: ArchiveThread,
  { from, to, partial, expectedBytes }: FileToCopy,
): Promise<CopiedFile> {
  const run = { signal, onProgress: progress.meter.addMoved };
  const read = await thread.run('copyStored', { from, to: to.location, partial, expectedBytes }, run);
  const found = await thread.run('hashStored', { storage: to.location, ...partial }, run);
  if (found.sha256 !== read.sha256 || found.sizeBytes !== read.sizeBytes) {
    // Of the new storage, not of what was copied: the next attempt may do better.
    throw new AppError(
      'FILE_CORRUPTION',
      `${to.target} gave back ${found.sizeBytes} bytes of ${partial.path} that differ from the ${read.sizeBytes} written.`,
      { transient: true, remediation: 'Check the storage of the copy; the backup itself is not affected.' },
    );
  }
  return read;
}
