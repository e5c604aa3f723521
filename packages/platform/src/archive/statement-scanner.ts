/**
 * Finds where a statement of a script ends, by psql's own rules: quotes, dollar quotes, comments, parentheses, function bodies between
 * BEGIN and END. It must see what psql sees: a text that only one of the two takes for a string could hide a command of psql.
 */
import { AppError } from '@holdfast/contracts/errors';

type Mode = 'plain' | 'single' | 'escaped' | 'double' | 'dollar' | 'line-comment' | 'block-comment';

const byte = {
  newline: 0x0a,
  quote: 0x27,
  doubleQuote: 0x22,
  dollar: 0x24,
  open: 0x28,
  close: 0x29,
  star: 0x2a,
  dash: 0x2d,
  slash: 0x2f,
  semicolon: 0x3b,
  backslash: 0x5c,
} as const;

const maxWordBytes = 1024;

export class StatementScanner {
  /** As `SET standard_conforming_strings = off` would have it: a backslash in an ordinary string escapes what follows. */
  hasEscapesEverywhere = false;
  #mode: Mode = 'plain';
  #at = 0;
  #tag = Buffer.alloc(0);
  #commentDepth = 0;
  #parens = 0;
  #bodyDepth = 0;
  /** First letters of the first words, as psql keeps them to know CREATE [OR REPLACE] FUNCTION or PROCEDURE. */
  #opening = '';
  #words = 0;

  startStatement(): void {
    this.#mode = 'plain';
    this.#at = 0;
    this.#parens = 0;
    this.#bodyDepth = 0;
    this.#opening = '';
    this.#words = 0;
  }

  /**
   * Goes on where it stopped; `text` is the statement as far as it has come.
   * @returns the length of the statement with its semicolon, or null while it goes on
   * @throws AppError FILE_CORRUPTION where a command of psql stands in the middle of a statement
   */
  scan(text: Buffer): number | null {
    while (this.#at < text.length) {
      const from = this.#at;
      if (this.#mode === 'plain') {
        if (this.#scanPlain(text)) {
          return this.#at;
        }
      } else {
        this.#scanQuoted(text);
      }
      if (this.#at === from) {
        return null; // What stands here is only told by what follows.
      }
    }
    return null;
  }

  #enter(mode: Mode, at: number): void {
    this.#mode = mode;
    this.#at = at;
  }

  /** True at the end of the statement. */
  #scanPlain(text: Buffer): boolean {
    const at = this.#at;
    const here = text[at] as number;
    if (isWordStart(here)) {
      this.#scanWord(text);
      return false;
    }
    if (here === byte.dollar) {
      this.#scanDollar(text);
      return false;
    }
    const next = text[at + 1];
    if ((here === byte.dash || here === byte.slash) && next === undefined) {
      return false;
    }
    this.#at = at + 1;
    switch (here) {
      case byte.quote:
        this.#enter(this.hasEscapesEverywhere ? 'escaped' : 'single', at + 1);
        break;
      case byte.doubleQuote:
        this.#enter('double', at + 1);
        break;
      case byte.open:
        this.#parens += 1;
        break;
      case byte.close:
        this.#parens = Math.max(0, this.#parens - 1);
        break;
      case byte.backslash:
        throw new AppError('FILE_CORRUPTION', 'a command of psql stands in the middle of a statement');
      case byte.semicolon:
        return this.#parens === 0 && this.#bodyDepth === 0;
      case byte.dash:
        if (next === byte.dash) {
          this.#enter('line-comment', at + 2);
        }
        break;
      case byte.slash:
        if (next === byte.star) {
          this.#commentDepth = 1;
          this.#enter('block-comment', at + 2);
        }
        break;
    }
    return false;
  }

  /** A word is looked at once all of it has come; `E'…'` begins with one. */
  #scanWord(text: Buffer): void {
    let end = this.#at + 1;
    while (end < text.length && isWordPart(text[end] as number)) {
      end += 1;
    }
    if (end === text.length && end - this.#at < maxWordBytes) {
      return;
    }
    const word = text.toString('latin1', this.#at, end).toLowerCase();
    this.#at = end;
    if (word === 'e' && text[end] === byte.quote) {
      this.#enter('escaped', end + 1);
    } else {
      this.#countWord(word);
    }
  }

  #countWord(word: string): void {
    if (this.#words < 4 && ['create', 'or', 'replace', 'function', 'procedure'].includes(word)) {
      this.#opening += word[0];
    } else if (this.#words < 4) {
      this.#opening += '-';
    }
    this.#words += 1;
    if (!/^c(or)?[fp]/.test(this.#opening) || this.#parens > 0) {
      return;
    }
    if (word === 'begin' || (word === 'case' && this.#bodyDepth > 0)) {
      this.#bodyDepth += 1;
    } else if (word === 'end') {
      this.#bodyDepth = Math.max(0, this.#bodyDepth - 1);
    }
  }

  /** `$tag$`, or a dollar sign that stands for nothing. */
  #scanDollar(text: Buffer): void {
    let end = this.#at + 1;
    while (end < text.length && isTagPart(text[end] as number, end === this.#at + 1)) {
      end += 1;
    }
    if (end === text.length && end - this.#at < maxWordBytes) {
      return;
    }
    if (text[end] === byte.dollar) {
      this.#tag = Buffer.from(text.subarray(this.#at, end + 1));
      this.#enter('dollar', end + 1);
    } else {
      this.#at += 1;
    }
  }

  #scanQuoted(text: Buffer): void {
    switch (this.#mode) {
      case 'single':
        this.#until(text, "'");
        break;
      case 'double':
        this.#until(text, '"');
        break;
      case 'dollar':
        this.#until(text, this.#tag);
        break;
      case 'line-comment':
        this.#until(text, '\n');
        break;
      case 'escaped':
        this.#scanEscaped(text);
        break;
      default:
        this.#scanBlockComment(text);
    }
  }

  /** A doubled quote ends one string and begins the next, which comes to the same. */
  #until(text: Buffer, closing: string | Buffer): void {
    const found = text.indexOf(closing, this.#at, 'latin1');
    if (found >= 0) {
      this.#enter('plain', found + closing.length);
    } else {
      // The closing may have come in part.
      this.#at = Math.max(this.#at, text.length - closing.length + 1);
    }
  }

  #scanEscaped(text: Buffer): void {
    for (let at = this.#at; at < text.length; at += 1) {
      if (text[at] === byte.backslash) {
        at += 1;
        if (at === text.length) {
          this.#at = at - 1;
          return;
        }
      } else if (text[at] === byte.quote) {
        this.#scanEscapedQuote(text, at);
        return;
      }
    }
    this.#at = text.length;
  }

  /** A doubled quote goes on as an escaped string: what follows it is not an ordinary one. */
  #scanEscapedQuote(text: Buffer, at: number): void {
    if (at + 1 === text.length) {
      this.#at = at;
    } else if (text[at + 1] === byte.quote) {
      this.#enter('escaped', at + 2);
    } else {
      this.#enter('plain', at + 1);
    }
  }

  /** They nest. */
  #scanBlockComment(text: Buffer): void {
    for (let at = this.#at; at + 1 < text.length; at += 1) {
      const [first, second] = [text[at], text[at + 1]];
      const isClosing = first === byte.star && second === byte.slash;
      if (isClosing || (first === byte.slash && second === byte.star)) {
        this.#commentDepth += isClosing ? -1 : 1;
        this.#enter(this.#commentDepth === 0 ? 'plain' : 'block-comment', at + 2);
        return;
      }
    }
    this.#at = Math.max(this.#at, text.length - 1);
  }
}

function isWordStart(value: number): boolean {
  return (
    (value >= 0x61 && value <= 0x7a) || (value >= 0x41 && value <= 0x5a) || value === 0x5f || value >= 0x80
  );
}

function isWordPart(value: number): boolean {
  return isWordStart(value) || isDigit(value) || value === byte.dollar;
}

function isTagPart(value: number, isFirst: boolean): boolean {
  return isWordStart(value) || (!isFirst && isDigit(value));
}

function isDigit(value: number): boolean {
  return value >= 0x30 && value <= 0x39;
}
