/** Where backups are kept. Every driver passes the same conformance suite. */
import type { Readable, Writable } from 'node:stream';

/** All that it takes to open the same storage elsewhere, for example in another thread. Plain data. */
export interface StorageLocation {
  readonly type: 'local';
  readonly root: string;
}

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Another one where the content may be another: who has read this version need not read it again to know it. */
  readonly version: string;
}

/** Both ends are part of it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A file that is read piece by piece into buffers that are used again: no copy, nothing for the collector. */
export interface PieceReader {
  /** What was opened, whatever has its name meanwhile. */
  readonly file: StoredFile;
  /**
   * Null behind the last. A piece is good until the next but one is asked for.
   * @throws AppError FILE_CORRUPTION where the file ends early
   */
  next(): Promise<Uint8Array | null>;
  close(): Promise<void>;
}

/** What an attempt writes before it has its final name. */
export interface PartialFile {
  /** The final path it would have. */
  readonly path: string;
  /** Part of the temporary name, so two attempts never write one file. */
  readonly attempt: number;
}

/** Paths are relative, with `/`. Errors: STORAGE_UNAVAILABLE, INSUFFICIENT_SPACE, PERMISSION_DENIED, BACKUP_NOT_FOUND, INVALID_CONFIG. */
export interface StorageDriver {
  readonly target: string;
  readonly location: StorageLocation;
  /** Once the stream has finished, every byte is safe against a crash of the machine; nothing is visible under the final name yet. */
  createPartial(partial: PartialFile): Promise<Writable>;
  /** Reads back from the target what was written. */
  openPartial(partial: PartialFile): Promise<Readable>;
  /**
   * Gives it the final name in one step; never replaces a file. The partial may still be there afterwards.
   * @throws AppError IN_USE when the final name exists.
   */
  publishPartial(partial: PartialFile): Promise<void>;
  /** Harmless at any time, and twice. */
  removePartial(partial: PartialFile): Promise<void>;
  listPartials(): Promise<PartialFile[]>;
  /** @throws AppError BACKUP_NOT_FOUND where nothing, a link or a folder lies under the name. */
  open(path: string, range?: ByteRange): Promise<Readable>;
  /** Where the target can read into given buffers; `openPieces` makes the same of `open` where it can't. */
  openPieces?(path: string, range?: ByteRange): Promise<PieceReader>;
  stat(path: string): Promise<StoredFile | null>;
  /** Removing what does not exist is no error. */
  remove(path: string): Promise<void>;
}
