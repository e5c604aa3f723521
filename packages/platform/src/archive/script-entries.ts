/** The table of contents of a script, put together from the comments that pg_dump writes before each entry. */
import { AppError } from '@holdfast/contracts/errors';
import type { ArchiveHeader } from './archive-header.ts';
import type { TocEntry } from './table-of-contents.ts';

const entryPattern =
  /^-- (Data for )?Name: (.*?); Type: ([A-Z][A-Z ]*); Schema: (.*?); Owner: (.*?)(?:; Tablespace: .*)?\n$/s;
const serverPattern = /^-- Dumped from database version (.*)\n$/;
const clientPattern = /^-- Dumped by pg_dump version (.*)\n$/;
/** What anybody reads of the statements; keeping all of them would keep the whole schema. */
const kindsWithDefinition = new Set([
  'ACL',
  'DEFAULT ACL',
  'CHECK CONSTRAINT',
  'FK CONSTRAINT',
  'SEQUENCE SET',
]);
/** Entries that an archive has for settings at the head of every script. */
const settings: readonly (readonly [RegExp, string])[] = [
  [/^SET client_encoding\b/, 'ENCODING'],
  [/^SET standard_conforming_strings\b/, 'STDSTRINGS'],
  [/^SELECT pg_catalog\.set_config\('search_path'/, 'SEARCHPATH'],
];
const maxEntries = 10_000_000;
/** A function's name with the types of its arguments may be long, but not that long. */
const maxCommentLength = 64 * 1024;
const sections = { none: 1, preData: 2, data: 3, postData: 4 } as const;
const dataKinds = new Set(['TABLE DATA', 'BLOBS', 'SEQUENCE SET']);

/** Names in comments have their line breaks replaced by spaces. */
export class ScriptEntries {
  readonly entries: TocEntry[] = [];
  #serverVersion = '';
  #dumpVersion = '';
  #hasSeenEntry = false;
  #hasSeenData = false;
  #isDataMissing = false;
  #definition: string[] = [];

  get header(): ArchiveHeader {
    return {
      archiveVersion: 'plain',
      serverVersion: this.#serverVersion,
      dumpVersion: this.#dumpVersion,
      databaseName: '',
      createdAt: '',
    };
  }

  get current(): TocEntry | null {
    return this.#hasSeenEntry ? (this.entries.at(-1) ?? null) : null;
  }

  /** The current entry, while the data that it announced has not come. */
  get missing(): TocEntry | null {
    return this.#isDataMissing ? this.current : null;
  }

  /** Comments at the head of the script tell the versions. */
  takeHeaderComment(text: string): void {
    this.#serverVersion ||= serverPattern.exec(text)?.[1] ?? '';
    this.#dumpVersion ||= clientPattern.exec(text)?.[1] ?? '';
  }

  startEntry(entry: EntryComment): void {
    this.#hasSeenEntry = true;
    this.#hasSeenData ||= dataKinds.has(entry.description);
    this.#isDataMissing = entry.hasData;
    this.#definition = [];
    this.#add(entry);
  }

  dataHasCome(): void {
    this.#isDataMissing = false;
  }

  /** False where no entry announced it. */
  takeCopy(statement: string): boolean {
    const entry = this.current;
    if (entry?.description !== 'TABLE DATA' || !this.#isDataMissing) {
      return false;
    }
    this.#isDataMissing = false;
    this.#replaceLast({ ...entry, copyStatement: `${statement}\n` });
    return true;
  }

  takeStatement(text: string): void {
    const entry = this.current;
    if (entry === null) {
      const kind = settings.find(([pattern]) => pattern.test(text))?.[1];
      if (kind !== undefined) {
        this.#add({ tag: kind, description: kind, schema: '', owner: '', hasData: false }, `${text}\n`);
      }
    } else if (kindsWithDefinition.has(entry.description)) {
      this.#definition.push(text);
      this.#replaceLast({ ...entry, definition: `${this.#definition.join('\n')}\n` });
    }
  }

  #add(read: EntryComment, definition = ''): void {
    if (this.entries.length >= maxEntries) {
      throw new AppError('FILE_CORRUPTION', `The script has more than ${maxEntries} entries.`);
    }
    this.entries.push({
      ...read,
      dumpId: this.entries.length + 1,
      section: this.#sectionOf(read.description),
      definition,
      copyStatement: '',
      dependencies: [],
      tableOid: '',
      objectOid: '',
      fileName: '',
    });
  }

  #sectionOf(description: string): number {
    if (dataKinds.has(description)) {
      return sections.data;
    }
    return this.#hasSeenData ? sections.postData : sections.preData;
  }

  #replaceLast(entry: TocEntry): void {
    this.entries[this.entries.length - 1] = entry;
  }
}

export type EntryComment = Pick<TocEntry, 'tag' | 'description' | 'schema' | 'owner' | 'hasData'>;

/** Null for any other comment. */
export function readEntryComment(text: string): EntryComment | null {
  const match = text.length > maxCommentLength ? null : entryPattern.exec(text);
  if (match === null) {
    return null;
  }
  const [, , tag = '', description = '', schema = '', owner = ''] = match;
  return {
    tag,
    description,
    schema: orEmpty(schema),
    owner: orEmpty(owner),
    hasData: description === 'TABLE DATA' || description === 'BLOBS',
  };
}

function orEmpty(text: string): string {
  return text === '-' ? '' : text;
}
