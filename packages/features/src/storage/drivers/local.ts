/** Backups in a folder: written beside their final name, flushed, linked without overwriting. */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type {
  ByteRange,
  PartialFile,
  PieceReader,
  StorageDriver,
  StorageLocation,
  StoredFile,
} from '../storage-driver.ts';
import { describeStats, readPieces } from './local-pieces.ts';

const readChunkBytes = 256 * 1024;
const partialName = /^\.(.+)\.(\d+)\.partial$/;

export class LocalStorage implements StorageDriver {
  readonly target = 'local';
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
  }

  get location(): StorageLocation {
    return { type: 'local', root: this.#root };
  }

  async createPartial(partial: PartialFile): Promise<Writable> {
    const file = this.#partialPath(partial);
    const folder = path.dirname(file);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return openWritable(await open(file, 'wx', 0o600), path.basename(file));
    } catch (error) {
      // A folder that vanished is the storage's fault, not a backup that nobody finds.
      throw classify(
        error,
        `Creating a file in ${folder} failed`,
        isMissing(error) ? 'STORAGE_UNAVAILABLE' : undefined,
      );
    }
  }

  async openPartial(partial: PartialFile): Promise<Readable> {
    return await openFile(this.#partialPath(partial), path.basename(partial.path));
  }

  async publishPartial(partial: PartialFile): Promise<void> {
    const final = this.#resolve(partial.path);
    try {
      await link(this.#partialPath(partial), final);
      await syncFolder(path.dirname(final));
    } catch (error) {
      throw classify(error, `Publishing ${path.basename(final)} failed`);
    }
  }

  async removePartial(partial: PartialFile): Promise<void> {
    await removeFile(this.#partialPath(partial));
  }

  async open(filePath: string, range?: ByteRange): Promise<Readable> {
    return await openFile(this.#resolve(filePath), filePath, range);
  }

  async openPieces(filePath: string, range?: ByteRange): Promise<PieceReader> {
    return await readPieces(await openHandle(this.#resolve(filePath), filePath), filePath, range);
  }

  async stat(filePath: string): Promise<StoredFile | null> {
    try {
      const stats = await lstat(this.#resolve(filePath), { bigint: true });
      return stats.isFile() ? describeStats(filePath, stats) : null;
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw classify(error, `Looking at ${filePath} failed`);
    }
  }

  async remove(filePath: string): Promise<void> {
    await removeFile(this.#resolve(filePath));
  }

  async listPartials(): Promise<PartialFile[]> {
    const entries = await readdir(this.#root, { recursive: true, withFileTypes: true }).catch(
      (error: unknown) => {
        if (isMissing(error)) {
          return [];
        }
        throw classify(error, `Listing ${this.#root} failed`);
      },
    );
    return entries.flatMap((entry) => {
      const match = partialName.exec(entry.name);
      if (!entry.isFile() || match === null) {
        return [];
      }
      const folder = path.relative(this.#root, entry.parentPath);
      return [
        { path: path.posix.join(...folder.split(path.sep), match[1] as string), attempt: Number(match[2]) },
      ];
    });
  }

  #partialPath(partial: PartialFile): string {
    const final = this.#resolve(partial.path);
    return path.join(path.dirname(final), `.${path.basename(final)}.${partial.attempt}.partial`);
  }

  /** @throws AppError INVALID_CONFIG for a path that leaves the folder. */
  #resolve(filePath: string): string {
    const resolved = path.resolve(this.#root, filePath);
    if (filePath.includes('\0') || !resolved.startsWith(this.#root + path.sep)) {
      throw new AppError('INVALID_CONFIG', 'The path leads out of the storage folder.');
    }
    return resolved;
  }
}

async function openFile(file: string, name: string, range?: ByteRange): Promise<Readable> {
  const handle = await openHandle(file, name);
  return handle.createReadStream({ highWaterMark: readChunkBytes, ...range });
}

async function openHandle(file: string, name: string): Promise<FileHandle> {
  try {
    // O_NOFOLLOW: somebody may have put a link where the file was.
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    if (!(await handle.stat()).isFile()) {
      await handle.close();
      throw new AppError('BACKUP_NOT_FOUND', `${name} is not a file.`);
    }
    return handle;
  } catch (error) {
    throw classify(error, `Opening ${name} failed`);
  }
}

/** Ends with the bytes flushed and the handle closed. */
function openWritable(handle: FileHandle, name: string): Writable {
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
    highWaterMark: readChunkBytes,
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

async function removeFile(file: string): Promise<void> {
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
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

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

function classify(error: unknown, doing: string, as?: ErrorCode): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new AppError(as ?? codes[code] ?? 'STORAGE_UNAVAILABLE', `${doing} (${code}).`, { cause: error });
}
