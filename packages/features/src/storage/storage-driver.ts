/** Where backups are kept. Every driver passes the same conformance suite. */
import type { Readable, Writable } from 'node:stream';

export interface StorageUpload {
  /** Bytes go here; `end()` it before `flush`. */
  readonly writable: Writable;
  /** Resolves when every byte written is safe against a crash of the machine. Nothing is visible under the final name yet. */
  flush(): Promise<void>;
  /** Reads back from the target what was flushed. */
  reread(): Readable;
  /**
   * Gives it the final name in one step; never replaces a file.
   * @throws AppError IN_USE when the final name exists.
   */
  publish(): Promise<void>;
  /** Removes what was not published; harmless at any time, and twice. */
  discard(): Promise<void>;
}

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface PartialFile {
  /** The final path it would have had. */
  readonly path: string;
  readonly attempt: number;
}

/** Paths are relative, with `/`. Errors: STORAGE_UNAVAILABLE, INSUFFICIENT_SPACE, PERMISSION_DENIED, BACKUP_NOT_FOUND, INVALID_CONFIG. */
export interface StorageDriver {
  readonly target: string;
  /** `attempt` is part of the temporary name, so two attempts never write one file. */
  createUpload(path: string, attempt: number): Promise<StorageUpload>;
  /** @throws AppError BACKUP_NOT_FOUND where nothing, a link or a folder lies under the name. */
  open(path: string): Promise<Readable>;
  stat(path: string): Promise<StoredFile | null>;
  /** Removing what does not exist is no error. */
  remove(path: string): Promise<void>;
  listPartials(): Promise<PartialFile[]>;
  removePartial(partial: PartialFile): Promise<void>;
}
