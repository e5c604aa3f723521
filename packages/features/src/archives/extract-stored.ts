/** Task: unpack a stored directory dump into a private folder, or only its table of contents. */
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import { TarReader } from '@holdfast/platform/archive/tar-reader';
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';
import type { StoredArchive } from './open-decoded.ts';
import { readStored } from './read-stored.ts';

export interface ExtractStoredInput {
  readonly archive: StoredArchive;
  /** Exists and is empty. */
  readonly folder: string;
  readonly what: 'all' | 'table-of-contents';
}

/** The files of a dump in directory format, and no other: no name leads out of the folder. */
const fileName = /^(?:toc\.dat|\d{1,10}\.dat|blob_\d{1,10}\.dat|blobs(?:_\d{1,10})?\.toc)$/;

/** @throws AppError FILE_CORRUPTION where the stored tar is damaged or holds anything else, INSUFFICIENT_SPACE */
export async function extractStored(
  { folder, what, archive }: ExtractStoredInput,
  { signal, report }: TaskContext<BytesMoved>,
): Promise<void> {
  const moved = reportBytes(report);
  const files = new FolderWriter(folder);
  const reader = new TarReader(files);
  try {
    for await (const chunk of readStored(archive, signal)) {
      reader.write(chunk);
      moved.add(chunk.length);
      if (what === 'table-of-contents' && files.hasTableOfContents) {
        return;
      }
    }
    reader.end();
    moved.flush();
  } finally {
    files.close();
  }
}

/** Writes while the bytes pass: this is the thread where nothing else waits. */
class FolderWriter {
  readonly #folder: string;
  #file: number | null = null;
  hasTableOfContents = false;
  #name = '';

  constructor(folder: string) {
    this.#folder = folder;
  }

  startMember({ name }: { readonly name: string }): void {
    if (!fileName.test(name)) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The stored tar holds "${name.slice(0, 100)}", which belongs to no dump in directory format.`,
      );
    }
    this.#name = name;
    // Exclusive: no file twice, and nothing that somebody put there is followed or written over.
    this.#file = this.#do(() => openSync(path.join(this.#folder, name), 'wx', 0o600));
  }

  data(chunk: Uint8Array): void {
    const file = this.#file as number;
    for (let at = 0; at < chunk.length; ) {
      at += this.#do(() => writeSync(file, chunk, at));
    }
  }

  endMember(): void {
    this.close();
    this.hasTableOfContents ||= this.#name === 'toc.dat';
  }

  close(): void {
    if (this.#file !== null) {
      closeSync(this.#file);
      this.#file = null;
    }
  }

  #do<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new AppError(
        codes[code] ?? 'INTERNAL',
        `Unpacking "${this.#name}" into the scratch folder failed (${code}).`,
        { cause: error },
      );
    }
  }
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'INSUFFICIENT_SPACE',
  EDQUOT: 'INSUFFICIENT_SPACE',
  EEXIST: 'FILE_CORRUPTION',
  EACCES: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
};
