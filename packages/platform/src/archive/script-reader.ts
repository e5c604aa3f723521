/**
 * Cuts a script of pg_dump into its units as the bytes come: comments, statements, commands of psql, and COPY data, which streams.
 * A unit is kept until it is whole, COPY data never.
 */
import { AppError } from '@holdfast/contracts/errors';
import { readCopyStatement } from './copy-statement.ts';
import { StatementScanner } from './statement-scanner.ts';

export interface ScriptUnit {
  /** `space`: blanks and line breaks between units. */
  readonly kind: 'comment' | 'statement' | 'command' | 'space';
  /** With its end: the line break, or the semicolon. Not ours to keep. */
  readonly bytes: Buffer;
  /** In the script. */
  readonly offset: number;
}

export interface ScriptHandler {
  unit(unit: ScriptUnit): void;
  /** COPY text, end mark included. Not ours to keep. */
  copyData(chunk: Uint8Array, offset: number): void;
  copyEnd(offset: number): void;
}

/** No statement of a sane script comes near it; a hostile one must not make us keep it for ever. */
const maxUnitBytes = 64 * 1024 * 1024;
const endMark = '\\.\n';
const endMarkInRows = Buffer.from(`\n${endMark}`);
const noMatch = -1;

export class ScriptReader {
  readonly #handler: ScriptHandler;
  readonly #scanner = new StatementScanner();
  #pending = Buffer.alloc(64 * 1024);
  #start = 0;
  #end = 0;
  /** Of the script, where `#start` stands. */
  #offset = 0;
  #isInStatement = false;
  /** Between the semicolon of a COPY statement and its rows, which begin in the next line. */
  #isBeforeRows = false;
  #isInCopy = false;
  /** Of the end mark, how much has come since the last line break; `noMatch` in the middle of a row. */
  #matched = 0;

  constructor(handler: ScriptHandler) {
    this.#handler = handler;
  }

  get bytesRead(): number {
    return this.#offset + this.#end - this.#start;
  }

  /** False in the middle of a unit or of rows. */
  get isBetweenUnits(): boolean {
    return this.#start === this.#end && !this.#isInCopy && !this.#isBeforeRows;
  }

  /** @throws AppError FILE_CORRUPTION with the offset, and what the handler throws */
  write(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#isInCopy) {
      const used = this.#readCopy(rest);
      this.#offset += used;
      rest = rest.subarray(used);
    }
    this.#append(rest);
    while (this.#start < this.#end && this.#readUnit()) {
      // Until what is there is no whole unit.
    }
  }

  #append(chunk: Uint8Array): void {
    const kept = this.#end - this.#start;
    const size = kept + chunk.length;
    if (kept > maxUnitBytes) {
      throw this.#damagedAt(this.#offset, 'a statement is longer than any that pg_dump writes');
    }
    if (this.#end + chunk.length > this.#pending.length) {
      const target = size > this.#pending.length / 2 ? Buffer.alloc(2 * size) : this.#pending;
      this.#pending.copy(target, 0, this.#start, this.#end);
      this.#pending = target;
      this.#start = 0;
      this.#end = kept;
    }
    this.#pending.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** False while the unit at the start goes on. */
  #readUnit(): boolean {
    const text = this.#pending.subarray(this.#start, this.#end);
    if (this.#isBeforeRows) {
      this.#startRows(text[0] as number);
      return true;
    }
    if (this.#isInCopy) {
      this.#take(this.#readCopy(text));
      return true;
    }
    const kind = this.#kindOf(text);
    const size = kind === null ? null : this.#sizeOf(kind, text);
    if (kind === null || size === null) {
      return false;
    }
    const unit = { kind, bytes: text.subarray(0, size), offset: this.#offset };
    this.#take(size);
    this.#isInStatement = false;
    if (kind === 'statement') {
      this.#lookAt(unit);
    }
    this.#handler.unit(unit);
    return true;
  }

  #take(size: number): void {
    this.#start += size;
    this.#offset += size;
  }

  #kindOf(text: Buffer): ScriptUnit['kind'] | null {
    const [first, second] = text;
    if (this.#isInStatement) {
      return 'statement';
    }
    if (isSpace(first as number)) {
      return 'space';
    }
    if (first === 0x5c) {
      return 'command';
    }
    if (first === 0x2d && second === undefined) {
      return null;
    }
    return first === 0x2d && second === 0x2d ? 'comment' : 'statement';
  }

  #sizeOf(kind: ScriptUnit['kind'], text: Buffer): number | null {
    switch (kind) {
      case 'space': {
        const end = text.findIndex((value) => !isSpace(value));
        return end < 0 ? text.length : end;
      }
      case 'comment':
      case 'command': {
        const end = text.indexOf(0x0a);
        return end < 0 ? null : end + 1;
      }
      case 'statement':
        return this.#sizeOfStatement(text);
    }
  }

  #sizeOfStatement(text: Buffer): number | null {
    if (!this.#isInStatement) {
      this.#isInStatement = true;
      this.#scanner.startStatement();
    }
    try {
      return this.#scanner.scan(text);
    } catch (error) {
      throw error instanceof AppError ? this.#damagedAt(this.#offset, error.message) : error;
    }
  }

  /** What psql would take for the beginning of rows has to be the very statement that pg_dump writes. */
  #lookAt({ bytes, offset }: ScriptUnit): void {
    const head = bytes.toString('latin1', 0, 64).toLowerCase();
    if (head.startsWith('/*')) {
      throw this.#damagedAt(offset, 'a statement begins with a comment that pg_dump never writes');
    }
    if (head.startsWith('set standard_conforming_strings')) {
      this.#scanner.hasEscapesEverywhere = head.includes('off');
    }
    if (/^copy\b/.test(head)) {
      if (readCopyStatement(bytes.toString('utf8')) === null) {
        throw this.#damagedAt(offset, 'a COPY statement is not of the form that pg_dump writes');
      }
      this.#isBeforeRows = true;
    }
  }

  #startRows(lineBreak: number): void {
    if (lineBreak !== 0x0a) {
      throw this.#damagedAt(this.#offset, 'rows do not begin in the line behind their COPY statement');
    }
    const unit = { kind: 'space', bytes: Buffer.from('\n'), offset: this.#offset } as const;
    this.#take(1);
    this.#handler.unit(unit);
    this.#isBeforeRows = false;
    this.#isInCopy = true;
    this.#matched = 0;
  }

  /** Answers how much of the chunk belongs to the rows. */
  #readCopy(chunk: Uint8Array): number {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const offset = this.#offset;
    const size = this.#sizeOfRows(bytes);
    this.#handler.copyData(bytes.subarray(0, size), offset);
    if (!this.#isInCopy) {
      this.#handler.copyEnd(offset + size);
    }
    return size;
  }

  #sizeOfRows(bytes: Buffer): number {
    let at = 0;
    while (this.#matched !== noMatch && at < bytes.length) {
      if (bytes[at] !== endMark.charCodeAt(this.#matched)) {
        this.#matched = noMatch;
        break;
      }
      at += 1;
      this.#matched += 1;
      if (this.#matched === endMark.length) {
        this.#isInCopy = false;
        return at;
      }
    }
    if (at === bytes.length) {
      return at;
    }
    const found = bytes.indexOf(endMarkInRows, at);
    if (found >= 0) {
      this.#isInCopy = false;
      return found + endMarkInRows.length;
    }
    this.#matched = matchedAtEnd(bytes, at);
    return bytes.length;
  }

  #damagedAt(offset: number, what: string): AppError {
    return new AppError('FILE_CORRUPTION', `The script is damaged at offset ${offset}: ${what}.`);
  }
}

/** How much of the end mark stands behind the last line break, if the bytes end with it. */
function matchedAtEnd(bytes: Buffer, from: number): number {
  for (let length = Math.min(endMark.length, bytes.length - from); length > 0; length -= 1) {
    if (bytes.subarray(-length).equals(endMarkInRows.subarray(0, length))) {
      return length - 1;
    }
  }
  return noMatch;
}

function isSpace(value: number): boolean {
  return value === 0x20 || (value >= 0x09 && value <= 0x0d);
}
