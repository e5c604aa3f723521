/**
 * Reads a backup's file so that no copy of it that ends well can be a wrong one: its size is compared before a byte is given, and
 * its SHA-256 before the last. What has been read once and has not changed since is not hashed again.
 */
import { createHash, type Hash } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';
import {
  type ByteRange,
  openPieces,
  type PieceReader,
  type StorageTargets,
  type StoredFile,
} from '../../storage/index.ts';
import { storageOf } from '../backup-storage.ts';
import type { DownloadableBackup } from './download-headers.ts';

/** Smaller files are hashed before the answer begins: a wrong one gets a proper error. Takes some 50 ms. */
const hashFirstBytes = 64 * 1024 * 1024;
const maxRemembered = 10_000;

export class CheckedReader {
  readonly #storage: StorageTargets;
  /** Of files that gave the right SHA-256: backup, sum and version. */
  readonly #known = new Set<string>();

  constructor(storage: StorageTargets) {
    this.#storage = storage;
  }

  /** @throws AppError BACKUP_NOT_FOUND, FILE_CORRUPTION where size, or the bytes of a small file, are others */
  async open(backup: DownloadableBackup, range: ByteRange | null): Promise<PieceReader> {
    const pieces = await openPieces(storageOf(this.#storage, backup), backup.filePath, range ?? undefined);
    try {
      compareSize(backup, pieces.file);
      const key = keyOf(backup, pieces.file);
      if (range !== null || this.#known.has(key)) {
        return pieces;
      }
      const onRight = (): void => this.#remember(key);
      if (pieces.file.sizeBytes > hashFirstBytes) {
        return new HashedPieces(backup, pieces, onRight);
      }
      const first = new HashedPieces(backup, pieces, onRight);
      while ((await first.next()) !== null) {
        // Only to hash it.
      }
    } catch (error) {
      await pieces.close();
      throw error;
    }
    await pieces.close();
    return await this.open(backup, range);
  }

  /** As `open` finds it, without reading. */
  async look(backup: DownloadableBackup): Promise<void> {
    const file = await storageOf(this.#storage, backup).stat(backup.filePath);
    if (file === null) {
      throw new AppError('BACKUP_NOT_FOUND', `${backup.filename} is not in the storage.`);
    }
    compareSize(backup, file);
  }

  #remember(key: string): void {
    this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > maxRemembered && oldest !== undefined) {
      this.#known.delete(oldest);
    }
  }
}

/** Gives the last piece only after all of them have the right sum together. */
class HashedPieces implements PieceReader {
  readonly file: StoredFile;
  readonly #backup: DownloadableBackup;
  readonly #pieces: PieceReader;
  readonly #onRight: () => void;
  readonly #hash: Hash = createHash('sha256');
  #leftBytes: number;

  constructor(backup: DownloadableBackup, pieces: PieceReader, onRight: () => void) {
    this.file = pieces.file;
    this.#backup = backup;
    this.#pieces = pieces;
    this.#onRight = onRight;
    this.#leftBytes = pieces.file.sizeBytes;
  }

  async next(): Promise<Uint8Array | null> {
    const piece = await this.#pieces.next();
    if (piece === null) {
      return null;
    }
    this.#hash.update(piece);
    this.#leftBytes -= piece.length;
    if (this.#leftBytes === 0) {
      this.#compare();
    }
    return piece;
  }

  close(): Promise<void> {
    return this.#pieces.close();
  }

  #compare(): void {
    const sha256 = this.#hash.digest('hex');
    const { filename, checksumSha256 } = this.#backup;
    if (sha256 !== checksumSha256) {
      throw new AppError(
        'FILE_CORRUPTION',
        `${filename} has SHA-256 ${sha256}; ${checksumSha256} was stored.`,
      );
    }
    this.#onRight();
  }
}

function compareSize({ filename, fileSize }: DownloadableBackup, file: StoredFile): void {
  if (file.sizeBytes !== fileSize || file.sizeBytes === 0) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${filename} has ${file.sizeBytes} bytes; ${fileSize} were stored.`,
    );
  }
}

function keyOf({ id, checksumSha256 }: DownloadableBackup, { version }: StoredFile): string {
  return `${id} ${checksumSha256} ${version}`;
}
