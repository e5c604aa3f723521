/** Reads a plain script of pg_dump: comments tell its entries, COPY blocks are its rows, lowrite() its large objects. */
import { AppError } from '@holdfast/contracts/errors';
import { BlockFeeder } from './block-feeder.ts';
import { type ArchiveContents, ContentsTally, nameOf, type SequenceContents } from './contents.ts';
import { readCopyStatement } from './copy-statement.ts';
import type { Inspector } from './inspector.ts';
import { LargeObjectReader } from './large-object-reader.ts';
import type { RowScanner } from './row-scanner.ts';
import { readEntryComment, ScriptEntries } from './script-entries.ts';
import { ScriptReader, type ScriptUnit } from './script-reader.ts';
import { readSequenceValue } from './sequence-value.ts';
import type { TocEntry } from './table-of-contents.ts';

const completion = '-- PostgreSQL database dump complete\n';
const beginning = '-- PostgreSQL database dump\n';
/** The lines around pg_dump's comments, from the completion to the end of the script. */
const proper = /^--\n\n(?:\\unrestrict [A-Za-z0-9]+\n\n)?$/;
const maxTailBytes = 1024;

export class PlainInspector implements Inspector {
  readonly #feeder: BlockFeeder;
  readonly #objects: LargeObjectReader;
  readonly #reader: ScriptReader;
  readonly #tally = new ContentsTally();
  readonly #script = new ScriptEntries();
  readonly #sequences: SequenceContents[] = [];
  #failure: unknown = null;
  #hasBegun = false;
  #isRestricted = false;
  /** What has come since the completion; null before it. */
  #tail: string | null = null;
  #table: ReturnType<typeof readCopyStatement> = null;

  constructor(scanner: RowScanner) {
    this.#feeder = new BlockFeeder(scanner);
    this.#objects = new LargeObjectReader(this.#feeder, this.#tally);
    this.#reader = new ScriptReader({
      unit: (unit) => this.#takeUnit(unit),
      copyData: (chunk, offset) => this.#takeRows(chunk, offset),
      copyEnd: (offset) => this.#endRows(offset),
    });
  }

  get bytesRead(): number {
    return this.#reader.bytesRead;
  }

  get headBytes(): number {
    return this.bytesRead;
  }

  get entries(): readonly TocEntry[] | null {
    return null;
  }

  get currentTable(): string | null {
    return this.#table === null ? null : nameOf({ schema: this.#table.schema, tag: this.#table.name });
  }

  write(chunk: Uint8Array): void {
    this.#guard(() => this.#reader.write(chunk));
  }

  end(): ArchiveContents {
    return this.#guard(() => {
      const ending = this.#tail ?? '';
      if (
        !this.#reader.isBetweenUnits ||
        !proper.test(ending) ||
        ending.includes('unrestrict') !== this.#isRestricted
      ) {
        const where = this.currentTable === null ? '' : `, in the data of ${this.currentTable}`;
        throw new AppError(
          'FILE_CORRUPTION',
          `The script is cut short after ${this.bytesRead} bytes${where}: it does not end as pg_dump ends it.`,
        );
      }
      const { header, entries } = this.#script;
      return {
        header,
        entries,
        tables: this.#tally.tables,
        largeObjects: this.#tally.largeObjects,
        sequences: this.#sequences,
        bytes: this.bytesRead,
      };
    });
  }

  #guard<Result>(work: () => Result): Result {
    if (this.#failure !== null) {
      throw this.#failure;
    }
    try {
      return work();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #takeUnit(unit: ScriptUnit): void {
    if (this.#tail !== null) {
      this.#takeTail(unit);
      return;
    }
    switch (unit.kind) {
      case 'space':
        break;
      case 'comment':
        this.#takeComment(unit);
        break;
      case 'command':
        this.#takeCommand(unit);
        break;
      case 'statement':
        this.#takeStatement(unit);
    }
  }

  #takeTail({ bytes, offset }: ScriptUnit): void {
    this.#tail += bytes.toString('latin1', 0, maxTailBytes);
    if ((this.#tail as string).length > maxTailBytes) {
      throw damagedAt(offset, 'something stands behind the end');
    }
  }

  #takeComment({ bytes, offset }: ScriptUnit): void {
    const text = bytes.toString('utf8');
    if (text === completion) {
      this.#expectNothing(offset);
      this.#tail = '';
    } else if (text === beginning) {
      this.#hasBegun = true;
    } else if (!this.#hasBegun && text !== '--\n') {
      throw damagedAt(offset, 'this is not a script of pg_dump, it begins with something else');
    } else {
      this.#takeEntry(text, offset);
    }
  }

  #takeEntry(text: string, offset: number): void {
    const entry = readEntryComment(text);
    if (entry === null) {
      this.#script.takeHeaderComment(text);
    } else {
      this.#expectNothing(offset);
      this.#script.startEntry(entry);
    }
  }

  /** At the end of an entry: its rows must have come. */
  #expectNothing(offset: number): void {
    const { missing } = this.#script;
    if (missing !== null) {
      throw damagedAt(offset, `the data of ${nameOf(missing)} is missing`);
    }
    if (this.#objects.isOpen) {
      throw damagedAt(offset, 'a large object does not end');
    }
  }

  /** psql's own commands are for programs that run it; only those that pg_dump writes may be in a script. */
  #takeCommand({ bytes, offset }: ScriptUnit): void {
    const line = bytes.toString('utf8', 0, maxTailBytes);
    this.#isRestricted ||= /^\\restrict [A-Za-z0-9]+\n$/.test(line);
    if (!/^\\(?:(?:un)?restrict [A-Za-z0-9]+|connect .*)\n$/.test(line)) {
      throw damagedAt(offset, `it holds the command ${JSON.stringify(line.trim().slice(0, 80))} of psql`);
    }
  }

  #takeStatement({ bytes, offset }: ScriptUnit): void {
    if (!this.#hasBegun) {
      throw damagedAt(offset, 'this is not a script of pg_dump, it begins with something else');
    }
    const current = this.#script.current;
    if (current?.description === 'BLOBS' && this.#objects.take(bytes, offset)) {
      this.#script.dataHasCome();
      return;
    }
    const text = bytes.toString('utf8');
    this.#table = readCopyStatement(text);
    if (this.#table !== null) {
      this.#startRows(text, offset);
      return;
    }
    if (current?.description === 'TABLE DATA' && /^INSERT\b/i.test(text)) {
      throw new AppError(
        'INVALID_CONFIG',
        `The rows of ${nameOf(current)} are INSERT statements; Holdfast reads scripts with COPY data.`,
      );
    }
    const sequence = current?.description === 'SEQUENCE SET' ? readSequenceValue(text) : null;
    this.#sequences.push(...(sequence === null ? [] : [sequence]));
    this.#script.takeStatement(text);
  }

  #startRows(text: string, offset: number): void {
    if (!this.#script.takeCopy(text)) {
      throw damagedAt(offset, `no entry announces the rows of ${this.currentTable}`);
    }
    this.#feeder.startRows();
  }

  #takeRows(chunk: Uint8Array, offset: number): void {
    const wrong = this.#feeder.feed(chunk);
    if (wrong !== null) {
      throw damagedAt(offset + wrong, `the rows of ${this.currentTable} do not end with their end mark`);
    }
  }

  #endRows(offset: number): void {
    const result = this.#feeder.endRows();
    if (result === null || this.#table === null) {
      throw damagedAt(offset, `the rows of ${this.currentTable} do not end with their end mark`);
    }
    this.#tally.addTable(this.#table, result);
    this.#table = null;
  }
}

function damagedAt(offset: number, what: string): AppError {
  return new AppError('FILE_CORRUPTION', `The script is damaged at offset ${offset}: ${what}.`);
}
