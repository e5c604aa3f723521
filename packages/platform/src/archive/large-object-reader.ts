/** Reads the contents of large objects out of a script's calls of lo_open, lowrite and lo_close. */
import { AppError } from '@holdfast/contracts/errors';
import type { BlockFeeder } from './block-feeder.ts';
import type { ContentsTally } from './contents.ts';

const openPattern = /^SELECT pg_catalog\.lo_open\('(\d{1,10})', \d+\);$/;
const closeStatement = 'SELECT pg_catalog.lo_close(0);';
const writeStart = "SELECT pg_catalog.lowrite(0, '";
/** `x` and its digits, behind one backslash, or two where strings have escapes. */
const writePattern = /^SELECT pg_catalog\.lowrite\(0, '\\{1,2}x((?:[0-9a-f]{2})*)'\);$/;
const maxHeadBytes = 100;

export class LargeObjectReader {
  readonly #feeder: BlockFeeder;
  readonly #tally: ContentsTally;
  isOpen = false;

  constructor(feeder: BlockFeeder, tally: ContentsTally) {
    this.#feeder = feeder;
    this.#tally = tally;
  }

  /**
   * True where the statement is one of these calls.
   * @throws AppError FILE_CORRUPTION
   */
  take(statement: Buffer, offset: number): boolean {
    const head = statement.toString('latin1', 0, maxHeadBytes);
    const opened = openPattern.exec(head);
    if (opened !== null) {
      this.#expectOpen(false, offset);
      this.isOpen = true;
      this.#feeder.startObject(Number(opened[1]));
      return true;
    }
    if (head === closeStatement) {
      this.#expectOpen(true, offset);
      this.#close(offset);
      return true;
    }
    if (head.startsWith(writeStart)) {
      this.#expectOpen(true, offset);
      const digits = writePattern.exec(statement.toString('latin1'))?.[1];
      if (digits === undefined || this.#feeder.feed(Buffer.from(digits, 'hex')) !== null) {
        throw damagedAt(offset, 'the data of a large object is no hexadecimal text');
      }
      return true;
    }
    return false;
  }

  #close(offset: number): void {
    const result = this.#feeder.endObject();
    if (result === null) {
      throw damagedAt(offset, 'a large object cannot be read');
    }
    this.isOpen = false;
    this.#tally.addObjects(result);
  }

  #expectOpen(isExpected: boolean, offset: number): void {
    if (this.isOpen !== isExpected) {
      throw damagedAt(offset, 'large objects are not opened and closed in turn');
    }
  }
}

function damagedAt(offset: number, what: string): AppError {
  return new AppError('FILE_CORRUPTION', `The script is damaged at offset ${offset}: ${what}.`);
}
