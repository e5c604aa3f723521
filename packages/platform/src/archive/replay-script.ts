/**
 * Makes of a stored script what psql is given: one transaction that is committed only once the script has come whole, nothing that acts
 * outside it or the one database, and without the owners, grants and entries that are to be left out. Checksum and manifest have
 * matched before; this is the second lock.
 */
import { AppError } from '@holdfast/contracts/errors';
import { type EntryComment, readEntryComment } from './script-entries.ts';
import { ScriptReader, type ScriptUnit } from './script-reader.ts';

export type EntryKey = Pick<EntryComment, 'description' | 'schema' | 'tag'>;

export interface ReplayRules {
  /** False leaves owners and grants out. */
  readonly withOwners: boolean;
  readonly skippedEntries: readonly EntryKey[];
  /** psql is locked with it before it sees the script: the script can't know it. Null for a psql that has no lock. */
  readonly restrictKey: string | null;
  /** Statements that fit it are not replayed. */
  readonly skippedStatements?: RegExp;
  /** Statements of ours at the start of the transaction. */
  readonly prelude?: string;
  /** What comes once the script has come whole; default: COMMIT. */
  readonly ending?: string;
}

const transactionControl = /^(?:BEGIN|START|COMMIT|END|ABORT|ROLLBACK|SAVEPOINT|RELEASE|PREPARE)\b/i;
const ownerPattern = /^ALTER\b.*\bOWNER TO (?:"(?:[^"]|"")+"|[^\s"';]+);$/s;
const completion = '-- PostgreSQL database dump complete\n';
const grants = new Set(['ACL', 'DEFAULT ACL']);

export class ReplayScript {
  readonly #rules: ReplayRules;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #reader: ScriptReader;
  readonly #skipped: ReadonlySet<string>;
  #entry: EntryComment | null = null;
  #isLeftOut = false;
  #isComplete = false;

  /** What is emitted is ours to keep. */
  constructor(rules: ReplayRules, emit: (bytes: Uint8Array) => void) {
    this.#rules = rules;
    this.#emit = emit;
    this.#skipped = new Set(rules.skippedEntries.map(keyOf));
    const pass = (bytes: Uint8Array): void => emit(Buffer.from(bytes));
    this.#reader = new ScriptReader({
      unit: (unit) => {
        if (this.#isPassed(unit)) {
          pass(unit.bytes);
        }
      },
      copyData: pass,
      copyEnd: () => undefined,
    });
  }

  /** Before the first chunk. */
  start(): void {
    const { restrictKey, prelude = '' } = this.#rules;
    const lock = restrictKey === null ? '' : `\\restrict ${restrictKey}\n`;
    this.#emit(Buffer.from(`${lock}BEGIN;\n${prelude}`));
  }

  /** @throws AppError FILE_CORRUPTION where the script holds what none of pg_dump's does */
  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  /** @throws AppError FILE_CORRUPTION where the script is cut short: then nothing is committed */
  end(): void {
    if (!this.#reader.isBetweenUnits || !this.#isComplete) {
      throw new AppError('FILE_CORRUPTION', `The script is cut short after ${this.#reader.bytesRead} bytes.`);
    }
    this.#emit(Buffer.from(this.#rules.ending ?? 'COMMIT;\n'));
  }

  #isPassed(unit: ScriptUnit): boolean {
    switch (unit.kind) {
      case 'space':
        return true;
      case 'comment':
        this.#lookAtComment(unit.bytes.toString('utf8'));
        return true;
      case 'command':
        return this.#isCommandPassed(unit);
      case 'statement':
        return this.#isStatementPassed(unit);
    }
  }

  #lookAtComment(text: string): void {
    this.#isComplete ||= text === completion;
    const entry = readEntryComment(text);
    if (entry !== null) {
      this.#entry = entry;
      this.#isLeftOut =
        this.#skipped.has(keyOf(entry)) || (!this.#rules.withOwners && grants.has(entry.description));
    }
  }

  /** pg_dump locks psql with a key that stands in the script; ours replaces it. */
  #isCommandPassed({ bytes, offset }: ScriptUnit): boolean {
    const line = bytes.toString('utf8', 0, 200).trim();
    if (!/^\\(?:un)?restrict [A-Za-z0-9]+$/.test(line)) {
      throw refused(offset, `the command ${JSON.stringify(line.slice(0, 80))} of psql`);
    }
    return false;
  }

  #isStatementPassed({ bytes, offset }: ScriptUnit): boolean {
    const head = bytes.toString('latin1', 0, 40);
    if (transactionControl.test(head)) {
      const isOfObjects = this.#entry?.description === 'BLOBS' && /^(?:BEGIN|COMMIT);$/.test(head);
      if (!isOfObjects) {
        throw refused(offset, `${JSON.stringify(head)}, which acts on the transaction`);
      }
      return false;
    }
    if (this.#isLeftOut || this.#rules.skippedStatements?.test(bytes.toString('utf8')) === true) {
      return false;
    }
    const isOwner =
      !this.#rules.withOwners && head.startsWith('ALTER') && ownerPattern.test(bytes.toString('utf8'));
    return !isOwner;
  }
}

function keyOf({ description, schema, tag }: EntryKey): string {
  return JSON.stringify([description, schema, tag]);
}

function refused(offset: number, what: string): AppError {
  return new AppError(
    'FILE_CORRUPTION',
    `The script holds ${what}, at offset ${offset}; pg_dump writes no such thing, so it is not replayed.`,
  );
}
