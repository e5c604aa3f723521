/** What reads an archive as it flows by; what is found does not depend on the format. */
import type { ArchiveContents } from './contents.ts';
import type { TocEntry } from './table-of-contents.ts';

export interface Inspector {
  readonly bytesRead: number;
  /** As soon as the table of contents is known; a plain script has none, so there it is null until the end. */
  readonly entries: readonly TocEntry[] | null;
  /** Where the table of contents ends, or how far it has been understood; of a script, which has none: all that was read. */
  readonly headBytes: number;
  /** `schema.table` whose rows are passing now. */
  readonly currentTable: string | null;
  /**
   * The chunk may be used again afterwards. Once it has thrown, it throws the same again: nothing behind the damage can be trusted.
   * @throws AppError FILE_CORRUPTION with offset and table, INVALID_CONFIG for an archive Holdfast does not read
   */
  write(chunk: Uint8Array): void;
  /** @throws AppError FILE_CORRUPTION unless the archive is whole and ended exactly where it should */
  end(): ArchiveContents;
}
