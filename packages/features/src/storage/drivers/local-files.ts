/** Files and folders of the local driver: no links followed, everything flushed, errors named. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { ByteRange } from '../storage-driver.ts';

const chunkBytes = 256 * 1024;

/** Like `mkdir -p`, each new folder flushed; Node's own calls a read-only file system a folder that is missing. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeOneFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === path.dirname(folder)) {
      throw error;
    }
    await makeFolder(path.dirname(folder));
    await makeOneFolder(folder);
  }
}

async function makeOneFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return;
    }
    throw error;
  }
  await syncFolder(path.dirname(folder));
}

export async function openFile(file: string, name: string, range?: ByteRange): Promise<Readable> {
  return openReadable(await openHandle(file, name), name, range);
}

/** @throws AppError BACKUP_NOT_FOUND where it is no file */
export async function openHandle(file: string, name: string): Promise<FileHandle> {
  let handle: FileHandle | null = null;
  try {
    // Somebody may have put a link where the file was, or a pipe, which would keep us waiting for a writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) {
      return handle;
    }
  } catch (error) {
    await handle?.close();
    throw classify(error, `Opening ${name} failed`);
  }
  await handle.close();
  throw new AppError('BACKUP_NOT_FOUND', `${name} is not a file.`);
}

/** Node's own stream would tell of a broken disk by an error without a code of ours. */
function openReadable(handle: FileHandle, name: string, range: ByteRange = { start: 0 }): Readable {
  let position = range.start;
  const readMore = async (): Promise<Buffer | null> => {
    const wanted = Math.min(chunkBytes, (range.end ?? Number.POSITIVE_INFINITY) - position + 1);
    if (wanted <= 0) {
      return null;
    }
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
    position += bytesRead;
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  };
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      readMore().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(classify(error, `Reading ${name} failed`)),
      );
    },
    destroy: (error, done) => {
      handle.close().then(
        () => done(error),
        (closing: unknown) => done(error ?? classify(closing, `Closing ${name} failed`)),
      );
    },
  });
}

/** Ends with the bytes flushed and the handle closed. */
export function openWritable(handle: FileHandle, name: string): Writable {
  const writeAll = async (chunks: Uint8Array[]): Promise<void> => {
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { bytesWritten } = await handle.writev(chunks);
    if (bytesWritten < size) {
      // A short write is how a full disk may show itself first; writing the rest then says why.
      await handle.appendFile(Buffer.concat(chunks).subarray(bytesWritten));
    }
  };
  const settle = (work: Promise<void>, doing: string, done: (error?: Error | null) => void): void => {
    work.then(
      () => done(),
      (error: unknown) => done(classify(error, `${doing} ${name} failed`)),
    );
  };
  return new Writable({
    highWaterMark: chunkBytes,
    writev: (chunks: { chunk: Uint8Array }[], done) =>
      settle(writeAll(chunks.map(({ chunk }) => chunk)), 'Writing', done),
    write: (chunk: Uint8Array, _encoding, done) => settle(writeAll([chunk]), 'Writing', done),
    final: (done) => settle(handle.sync(), 'Flushing', done),
    destroy: (error, done) => {
      handle.close().then(
        () => done(error),
        (closing: unknown) => done(error ?? classify(closing, `Closing ${name} failed`)),
      );
    },
  });
}

export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    if (!isMissing(error)) {
      throw classify(error, `Removing ${path.basename(file)} failed`);
    }
  }
}

/** Makes a new or removed name survive a crash of the machine. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What an attempt has written itself is nobody's backup to be found: the storage has lost it. */
export function asLost(error: unknown): ErrorCode | undefined {
  return isMissing(error) ? 'STORAGE_UNAVAILABLE' : undefined;
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const rights =
  'Let the user that runs the workers write in the folder, and mount its file system for writing.';

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'INSUFFICIENT_SPACE',
  EDQUOT: 'INSUFFICIENT_SPACE',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOENT: 'BACKUP_NOT_FOUND',
  ENOTDIR: 'BACKUP_NOT_FOUND',
  ELOOP: 'BACKUP_NOT_FOUND',
  EEXIST: 'IN_USE',
};

export function classify(error: unknown, doing: string, as?: ErrorCode): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const code = as ?? codes[reason] ?? 'STORAGE_UNAVAILABLE';
  return new AppError(code, `${doing} (${reason}).`, {
    cause: error,
    ...(code === 'PERMISSION_DENIED' ? { remediation: rights } : {}),
  });
}
