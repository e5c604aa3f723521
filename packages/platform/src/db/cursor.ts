/** Opaque cursors for lists: the sort key and id of the last row of a page. */
import { AppError } from '@holdfast/contracts/errors';

export interface Cursor {
  /** Which order it belongs to; a cursor of another order is refused. */
  readonly sort: string;
  readonly value: string;
  readonly id: string;
}

export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify([cursor.sort, cursor.value, cursor.id])).toString('base64url');
}

/** @throws AppError VALIDATION_FAILED for text that is no cursor of this order. */
export function decodeCursor(text: string, sort: string): Cursor {
  try {
    const [cursorSort, value, id] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [
      unknown,
      unknown,
      unknown,
    ];
    if (
      cursorSort === sort &&
      typeof value === 'string' &&
      typeof id === 'string' &&
      /^[0-9a-f-]{1,36}$/.test(id)
    ) {
      return { sort, value, id };
    }
  } catch {
    // Falls through to the one answer for every text that is no cursor.
  }
  throw new AppError('VALIDATION_FAILED', 'The cursor does not belong to this list and order.', {
    fields: [{ path: '/cursor', message: 'take nextCursor of a page of the same list and order' }],
  });
}
