/** Which bytes a request asks for: Range and If-Range of RFC 9110. Pure. */
import type { ByteRange } from '../../storage/index.ts';

export interface RangeRequest {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly etag: string;
  readonly sizeBytes: number;
}

/** `whole`: no range, one not understood, several, or one of another version of the file. */
export type RequestedBytes = Required<ByteRange> | 'whole' | 'unsatisfiable';

const single = /^bytes=[ \t]*(\d*)[ \t]*-[ \t]*(\d*)[ \t]*$/i;

export function requestedBytes({ range, ifRange, etag, sizeBytes }: RangeRequest): RequestedBytes {
  const [, first = '', last = ''] = single.exec(range ?? '') ?? [];
  // A date in If-Range never matches: the ETag is the one validator given out.
  if ((first === '' && last === '') || (ifRange !== undefined && ifRange !== etag)) {
    return 'whole';
  }
  if (first === '') {
    const count = Math.min(Number(last), sizeBytes);
    return count === 0 ? 'unsatisfiable' : { start: sizeBytes - count, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < start) {
    return 'whole';
  }
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}
