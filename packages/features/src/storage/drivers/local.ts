/** Backups in a folder: written beside their final name, flushed, linked without overwriting. */
import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { link, lstat, open, readdir, realpath, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { AppError } from '@holdfast/contracts/errors';
import type {
  ByteRange,
  LocalLocation,
  PartialFile,
  PieceReader,
  StorageDriver,
  StoredFile,
  StoredPartial,
} from '../storage-driver.ts';
import { formatStorageTarget } from '../storage-target.ts';
import { describeStats, readPieces } from './local-pieces.ts';
import {
  asLost,
  classify,
  isMissing,
  makeFolder,
  openFile,
  openHandle,
  openWritable,
  removeFile,
  syncFolder,
} from './local-files.ts';

const partialName = /^\.(.+)\.(\d+)\.partial$/;

export class LocalStorage implements StorageDriver {
  readonly location: LocalLocation;
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
    this.location = { type: 'local', root: this.#root };
  }

  get target(): string {
    return formatStorageTarget(this.location);
  }

  async createPartial(partial: PartialFile): Promise<Writable> {
    const file = this.#partialPath(partial);
    const folder = path.dirname(file);
    try {
      // Through a link the folders would be made elsewhere, so the way is looked at before and after.
      await this.#checkWay(file);
      await makeFolder(folder);
      await this.#checkWay(file);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      return openWritable(await open(file, flags, 0o600), path.basename(file));
    } catch (error) {
      // A folder that vanished is the storage's fault, not a backup that nobody finds.
      throw classify(error, `Creating a file in ${folder} failed`, asLost(error));
    }
  }

  async openPartial(partial: PartialFile): Promise<Readable> {
    const file = this.#partialPath(partial);
    await this.#checkWay(file);
    try {
      return await openFile(file, path.basename(partial.path));
    } catch (error) {
      const { code, message } = error as AppError;
      throw code === 'BACKUP_NOT_FOUND'
        ? new AppError('STORAGE_UNAVAILABLE', message, { cause: error })
        : error;
    }
  }

  /** A link costs nothing, whatever the file's size. */
  async preparePublish(): Promise<void> {}

  async publishPartial(partial: PartialFile): Promise<void> {
    const final = this.#resolve(partial.path);
    await this.#checkWay(final);
    try {
      await link(this.#partialPath(partial), final);
      await syncFolder(path.dirname(final));
    } catch (error) {
      throw classify(error, `Publishing ${path.basename(final)} failed`, asLost(error));
    }
  }

  async removePartial(partial: PartialFile): Promise<void> {
    const file = this.#partialPath(partial);
    await this.#checkWay(file);
    await removeFile(file);
  }

  async listPartials(): Promise<StoredPartial[]> {
    const found: StoredPartial[] = [];
    for await (const { folder, entry } of this.#walk()) {
      const match = partialName.exec(entry.name);
      if (match !== null) {
        const filePath = path.posix.join(folder, match[1] as string);
        const stats = await this.#statOf(path.join(this.#root, folder, entry.name));
        found.push({ path: filePath, attempt: Number(match[2]), sizeBytes: Number(stats?.size ?? 0) });
      }
    }
    return found;
  }

  async open(filePath: string, range?: ByteRange): Promise<Readable> {
    const file = this.#resolve(filePath);
    await this.#checkWay(file);
    return await openFile(file, filePath, range);
  }

  async openPieces(filePath: string, range?: ByteRange): Promise<PieceReader> {
    const file = this.#resolve(filePath);
    await this.#checkWay(file);
    return await readPieces(await openHandle(file, filePath), filePath, range);
  }

  async stat(filePath: string): Promise<StoredFile | null> {
    const file = this.#resolve(filePath);
    await this.#checkWay(file);
    const stats = await this.#statOf(file);
    return stats?.isFile() ? describeStats(filePath, stats) : null;
  }

  async *list(): AsyncIterable<StoredFile> {
    for await (const { folder, entry } of this.#walk()) {
      if (!partialName.test(entry.name)) {
        const filePath = path.posix.join(folder, entry.name);
        const stats = await this.#statOf(path.join(this.#root, filePath));
        if (stats?.isFile()) {
          yield describeStats(filePath, stats);
        }
      }
    }
  }

  async remove(filePath: string): Promise<void> {
    const file = this.#resolve(filePath);
    await this.#checkWay(file);
    await removeFile(file);
  }

  /** Of the file system where the folder is, or will be made. */
  async freeBytes(): Promise<number | null> {
    for (let folder = this.#root; ; folder = path.dirname(folder)) {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch (error) {
        if (!isMissing(error) || folder === path.dirname(folder)) {
          throw classify(error, `Looking at the free space of ${this.#root} failed`);
        }
      }
    }
  }

  /** Every file, a folder at a time; links are neither followed nor told of. */
  async *#walk(folder = ''): AsyncGenerator<{ folder: string; entry: Dirent }> {
    let entries: Dirent[];
    try {
      entries = await readdir(path.join(this.#root, folder), { withFileTypes: true });
    } catch (error) {
      if (isMissing(error)) {
        return;
      }
      throw classify(error, `Listing ${path.join(this.#root, folder)} failed`);
    }
    for (const entry of entries) {
      if (entry.isDirectory()) {
        yield* this.#walk(path.posix.join(folder, entry.name));
      } else if (entry.isFile()) {
        yield { folder, entry };
      }
    }
  }

  async #statOf(file: string): Promise<BigIntStats | null> {
    try {
      return await lstat(file, { bigint: true });
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw classify(error, `Looking at ${path.basename(file)} failed`);
    }
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

  /**
   * The root itself may be a link, that is for its owner to say; what lies under it may not lead out of it.
   * @throws AppError INVALID_CONFIG where a folder on the way is a link to elsewhere.
   */
  async #checkWay(file: string): Promise<void> {
    for (let folder = path.dirname(file); folder.startsWith(this.#root); folder = path.dirname(folder)) {
      try {
        const [real, root] = await Promise.all([realpath(folder), realpath(this.#root)]);
        if (real !== root && !real.startsWith(root + path.sep)) {
          throw new AppError(
            'INVALID_CONFIG',
            `The folder of ${path.basename(file)} is a link that leads out of the storage folder.`,
          );
        }
        return;
      } catch (error) {
        if (!isMissing(error)) {
          throw classify(error, `Looking at ${folder} failed`);
        }
      }
    }
  }
}
