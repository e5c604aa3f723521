/** Backups in a folder: written beside their final name, flushed, linked without overwriting. */
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { PartialFile, StorageDriver, StorageUpload, StoredFile } from '../storage-driver.ts';

const readChunkBytes = 256 * 1024;
const partialName = /^\.(.+)\.(\d+)\.partial$/;

export class LocalStorage implements StorageDriver {
  readonly target = 'local';
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
  }

  async createUpload(filePath: string, attempt: number): Promise<StorageUpload> {
    const final = this.#resolve(filePath);
    const folder = path.dirname(final);
    const partial = path.join(folder, `.${path.basename(final)}.${attempt}.partial`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(partial, 'wx', 0o600);
      return new LocalUpload(handle, partial, final);
    } catch (error) {
      // A folder that vanished is the storage's fault, not a backup that nobody finds.
      throw classify(
        error,
        `Creating a file in ${folder} failed`,
        isMissing(error) ? 'STORAGE_UNAVAILABLE' : undefined,
      );
    }
  }

  async open(filePath: string): Promise<Readable> {
    const final = this.#resolve(filePath);
    try {
      // O_NOFOLLOW: somebody may have put a link where the file was.
      const handle = await open(final, constants.O_RDONLY | constants.O_NOFOLLOW);
      if (!(await handle.stat()).isFile()) {
        await handle.close();
        throw new AppError('BACKUP_NOT_FOUND', `${filePath} is not a file.`);
      }
      return handle.createReadStream({ highWaterMark: readChunkBytes });
    } catch (error) {
      throw classify(error, `Opening ${filePath} failed`);
    }
  }

  async stat(filePath: string): Promise<StoredFile | null> {
    try {
      const stats = await lstat(this.#resolve(filePath));
      return stats.isFile() ? { path: filePath, sizeBytes: stats.size } : null;
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

  async removePartial({ path: filePath, attempt }: PartialFile): Promise<void> {
    const final = this.#resolve(filePath);
    await removeFile(path.join(path.dirname(final), `.${path.basename(final)}.${attempt}.partial`));
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

class LocalUpload implements StorageUpload {
  readonly writable: Writable;
  readonly #handle: FileHandle;
  readonly #partial: string;
  readonly #final: string;
  #isClosed = false;

  constructor(handle: FileHandle, partial: string, final: string) {
    this.#handle = handle;
    this.#partial = partial;
    this.#final = final;
    this.writable = openWritable(handle, partial);
  }

  async flush(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      throw classify(error, `Flushing ${path.basename(this.#partial)} failed`);
    }
  }

  reread(): Readable {
    return createReadStream(this.#partial, { highWaterMark: readChunkBytes });
  }

  async publish(): Promise<void> {
    try {
      await link(this.#partial, this.#final);
      await syncFolder(path.dirname(this.#final));
    } catch (error) {
      throw classify(error, `Publishing ${path.basename(this.#final)} failed`);
    }
  }

  async discard(): Promise<void> {
    this.writable.destroy();
    if (!this.#isClosed) {
      this.#isClosed = true;
      await this.#handle.close();
    }
    await removeFile(this.#partial);
  }
}

/** A writable over a file handle that it does not close: the bytes are flushed and read again through it later. */
function openWritable(handle: FileHandle, name: string): Writable {
  const writeAll = async (chunks: Uint8Array[]): Promise<void> => {
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { bytesWritten } = await handle.writev(chunks);
    if (bytesWritten < size) {
      // A short write is how a full disk may show itself first; writing the rest then says why.
      await handle.appendFile(Buffer.concat(chunks).subarray(bytesWritten));
    }
  };
  const writev = (chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void => {
    writeAll(chunks.map(({ chunk }) => chunk)).then(
      () => done(),
      (error: unknown) => done(classify(error, `Writing ${path.basename(name)} failed`)),
    );
  };
  return new Writable({
    highWaterMark: readChunkBytes,
    writev,
    write: (chunk: Uint8Array, _encoding, done) => writev([{ chunk }], done),
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
