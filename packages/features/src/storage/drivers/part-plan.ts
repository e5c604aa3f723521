/**
 * How an object of unknown length is cut into at most 10,000 parts. Pure: the cut follows from the size of the first part alone, so
 * whoever copies the object later cuts it the same way, and equal bytes have equal checksums of parts.
 */

const mebibyte = 1024 * 1024;
/** S3 takes no part below 5 MiB but the last; larger ones cost memory for each one in flight. */
const smallestPartBytes = 8 * mebibyte;
/** Some stores want parts of one size, so the size grows only once an estimate has turned out to be far too low. */
const evenParts = 8_000;
const partsPerDoubling = 250;
const largestPartBytes = 5 * 1024 * mebibyte;

/** A whole number of mebibytes, such that what is expected fits into parts of one size. */
export function firstPartBytes(expectedBytes: number): number {
  return Math.max(smallestPartBytes, Math.ceil(expectedBytes / evenParts / mebibyte) * mebibyte);
}

/** Numbers begin at 1. */
export function partBytes(number: number, firstBytes: number): number {
  const doublings = Math.max(0, Math.ceil((number - evenParts) / partsPerDoubling));
  return Math.min(largestPartBytes, firstBytes * 2 ** doublings);
}

export interface Part {
  readonly number: number;
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

export function* partsOf(totalBytes: number, firstBytes: number): Generator<Part> {
  let start = 0;
  for (let number = 1; start < totalBytes; number += 1) {
    const end = Math.min(totalBytes, start + partBytes(number, firstBytes)) - 1;
    yield { number, start, end };
    start = end + 1;
  }
}
