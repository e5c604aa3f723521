/** Where backups are kept. Every driver passes the same conformance suite. */
import type { Readable, Writable } from 'node:stream';

/** All that it takes to open the same storage elsewhere, for example in another thread. Plain data, no secrets. */
export type StorageLocation = LocalLocation | S3Location;

export interface LocalLocation {
  readonly type: 'local';
  /** Absolute. */
  readonly root: string;
}

/** Credentials come from the environment of the process, by the SDK's default chain. */
export interface S3Location {
  readonly type: 's3';
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** Null for Amazon's own. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly forcePathStyle: boolean;
}

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Another one where the content may be another: who has read this version need not read it again to know it. */
  readonly version: string;
}

/** What an attempt writes before it has its final name. */
export interface PartialFile {
  /** The final path it would have. */
  readonly path: string;
  /** Part of the temporary name, so two attempts never write one file. 0: a publication that was never finished, of whichever attempt. */
  readonly attempt: number;
}

export interface StoredPartial extends PartialFile {
  /** What can be read back of it so far. */
  readonly sizeBytes: number;
}

/** Offsets of the first and the last byte wanted, as HTTP has them; to the end of the file without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
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

export interface PublishProgress {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Paths are relative, with `/`. Errors: STORAGE_UNAVAILABLE, INSUFFICIENT_SPACE, PERMISSION_DENIED, BACKUP_NOT_FOUND, INVALID_CONFIG. */
export interface StorageDriver {
  /** The canonical URL: the same for every way to write the same place. */
  readonly target: string;
  readonly location: StorageLocation;
  /**
   * Once the stream has finished, every byte is safe against a crash of the machine; nothing is visible under the final name yet.
   * `expectedBytes` need not be right: it only spares requests.
   */
  createPartial(partial: PartialFile, expectedBytes?: number): Promise<Writable>;
  /** Reads back from the target what was written. @throws AppError STORAGE_UNAVAILABLE where the target has lost it */
  openPartial(partial: PartialFile): Promise<Readable>;
  /** Does beforehand what is slow about publishing. Nothing is visible yet; `publishPartial` does without it, only slower. */
  preparePublish(partial: PartialFile, progress: PublishProgress): Promise<void>;
  /**
   * Gives it the final name in one step; never replaces a file. The partial may still be there afterwards.
   * @throws AppError IN_USE when the final name exists, STORAGE_UNAVAILABLE where the target has lost what was written.
   */
  publishPartial(partial: PartialFile): Promise<void>;
  /** Harmless at any time, and twice. */
  removePartial(partial: PartialFile): Promise<void>;
  listPartials(): Promise<StoredPartial[]>;
  /**
   * A range beyond the end gives what there is of it.
   * @throws AppError BACKUP_NOT_FOUND where nothing, a link or a folder lies under the name.
   */
  open(path: string, range?: ByteRange): Promise<Readable>;
  /** Where the target can read into given buffers; the function `openPieces` makes the same of `open` where it can't. */
  openPieces?(path: string, range?: ByteRange): Promise<PieceReader>;
  stat(path: string): Promise<StoredFile | null>;
  /** Everything under a final name, whoever put it there; in no particular order. */
  list(): AsyncIterable<StoredFile>;
  /** Removing what does not exist is no error. */
  remove(path: string): Promise<void>;
  /** What can still be written; null where the target names no limit. */
  freeBytes(): Promise<number | null>;
}
