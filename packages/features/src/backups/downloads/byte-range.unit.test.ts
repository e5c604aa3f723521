import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { requestedBytes } from './byte-range.ts';

const of = (range: string | undefined, ifRange?: string, sizeBytes = 1000) =>
  requestedBytes({ range, ifRange, etag: '"abc"', sizeBytes });

describe('requestedBytes', () => {
  it.each<[string | undefined, ReturnType<typeof of>]>([
    [undefined, 'whole'],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=0-', { start: 0, end: 999 }],
    ['bytes=500-', { start: 500, end: 999 }],
    ['bytes=500-2000', { start: 500, end: 999 }],
    ['BYTES=1-2', { start: 1, end: 2 }],
    ['bytes= 1 - 2 ', { start: 1, end: 2 }],
    ['bytes=-1', { start: 999, end: 999 }],
    ['bytes=-5000', { start: 0, end: 999 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=-', 'whole'],
    ['bytes=2-1', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['bytes=a-b', 'whole'],
    ['lines=0-1', 'whole'],
    ['bytes=--1', 'whole'],
    ['bytes=1-2-3', 'whole'],
    ['', 'whole'],
  ])('of %j', (range, expected) => {
    expect(of(range)).toEqual(expected);
  });

  it('counts only while the file is the one the client has a part of', () => {
    expect(of('bytes=5-', '"abc"')).toEqual({ start: 5, end: 999 });
    for (const other of ['"abd"', 'W/"abc"', 'Wed, 21 Oct 2026 07:28:00 GMT', '*', '']) {
      expect(of('bytes=5-', other)).toBe('whole');
    }
  });

  it('finds no byte to give of an empty file', () => {
    expect([of('bytes=0-', undefined, 0), of('bytes=-1', undefined, 0), of(undefined, undefined, 0)]).toEqual(
      ['unsatisfiable', 'unsatisfiable', 'whole'],
    );
  });

  it('never leaves the file, whatever is asked for', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,25}-\d{0,25}$/)),
        fc.nat(5),
        (text, sizeBytes) => {
          const asked = of(text, undefined, sizeBytes);
          if (typeof asked === 'object') {
            expect(asked.start).toBeGreaterThanOrEqual(0);
            expect(asked.start).toBeLessThanOrEqual(asked.end);
            expect(asked.end).toBeLessThan(sizeBytes);
          }
        },
      ),
    );
  });
});
