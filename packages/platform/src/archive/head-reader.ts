/** Reads header and table of contents as their bytes come, entry by entry, and keeps only the bytes not yet understood. */
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveHeader, DataLayout, EntryLayout } from './archive-header.ts';
import { readHeader } from './archive-header.ts';
import { ByteCursor, NeedMoreBytes } from './byte-cursor.ts';
import { readEntry, type TocEntry } from './table-of-contents.ts';

const maxEntries = 10_000_000;
const maxHeadBytes = 1024 * 1024 * 1024;
/** An unfinished entry above it is tried again only once it has grown by half: a long one must not cost its square. */
const patientAboveBytes = 1024 * 1024;

/** The bytes of an item and what they say. Null: how many entries follow. */
export type HeadItemListener = (bytes: Buffer, item: EntryLayout | TocEntry | null) => void;

export class HeadReader {
  header: ArchiveHeader | null = null;
  readonly entries: TocEntry[] = [];
  #layout: EntryLayout | null = null;
  #entryCount: number | null = null;
  /** In the archive: where the bytes not yet understood begin. */
  #offset: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #tryAtBytes = 0;
  readonly #dataLayout: DataLayout;
  readonly #listener: HeadItemListener | null;

  /** `startOffset`: where in the archive the header begins. With a listener, data may be compressed inside. */
  constructor(layout: DataLayout, startOffset = 0, listener: HeadItemListener | null = null) {
    this.#dataLayout = layout;
    this.#offset = startOffset;
    this.#listener = listener;
  }

  /** Where the bytes that `read` gave back stand in the archive. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Null while the table of contents goes on; else the bytes behind it.
   * @throws AppError FILE_CORRUPTION with the offset, INVALID_CONFIG for an archive Holdfast does not read
   */
  read(chunk: Uint8Array): Buffer | null {
    // Copied: whoever reads the pipe may use the buffer again.
    this.#pending.push(Buffer.from(chunk));
    this.#pendingBytes += chunk.length;
    return this.#pendingBytes < this.#tryAtBytes ? null : this.finish();
  }

  /** Looks at all that has come, however little it is. */
  finish(): Buffer | null {
    const bytes = Buffer.concat(this.#pending);
    const cursor = new ByteCursor(bytes, this.#offset);
    let understood = 0;
    let neededBytes = 0;
    try {
      while (!this.#isComplete) {
        const item = this.#readItem(cursor);
        this.#listener?.(bytes.subarray(understood, cursor.position), item);
        understood = cursor.position;
      }
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) {
        throw error;
      }
      neededBytes = error.neededBytes - understood;
    }
    const rest = bytes.subarray(understood);
    this.#offset += understood;
    this.#pending = [rest];
    this.#pendingBytes = rest.length;
    if (this.#isComplete) {
      this.#pending = [];
      return rest;
    }
    this.#tryAtBytes =
      rest.length > patientAboveBytes ? Math.max(neededBytes, rest.length * 1.5) : neededBytes;
    if (this.#offset + rest.length > maxHeadBytes) {
      cursor.refuse('the table of contents is larger than any that pg_dump writes');
    }
    return null;
  }

  get #isComplete(): boolean {
    return this.entries.length === this.#entryCount;
  }

  #readItem(cursor: ByteCursor): EntryLayout | TocEntry | null {
    if (this.#layout === null) {
      const { header, layout } = readHeader(cursor, this.#dataLayout);
      if (layout.compression !== 'none' && this.#listener === null) {
        throw new AppError(
          'INVALID_CONFIG',
          'The archive is compressed inside; Holdfast compresses around it.',
        );
      }
      this.header = header;
      this.#layout = layout;
      return layout;
    }
    if (this.#entryCount === null) {
      const count = cursor.int();
      if (count < 0 || count > maxEntries) {
        cursor.refuse(`it claims ${count} entries`);
      }
      this.#entryCount = count;
      return null;
    }
    const entry = readEntry(cursor, this.#layout);
    this.entries.push(entry);
    return entry;
  }
}
