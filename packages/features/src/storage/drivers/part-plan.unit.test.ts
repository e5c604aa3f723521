import { describe, expect, it } from '@jest/globals';
import { firstPartBytes, partBytes, partsOf } from './part-plan.ts';

const mebibyte = 1024 * 1024;

describe('the plan of parts', () => {
  it('takes even parts as small as memory likes, and larger ones where much is expected', () => {
    expect(firstPartBytes(0)).toBe(8 * mebibyte);
    expect(firstPartBytes(64e9)).toBe(8 * mebibyte);
    expect(firstPartBytes(1e12)).toBe(120 * mebibyte);
  });

  it('covers every byte once, in order, with parts of one size while the estimate holds', () => {
    const parts = [...partsOf(20 * mebibyte + 5, 8 * mebibyte)];
    expect(parts.map(({ number, start, end }) => [number, start, end + 1])).toEqual([
      [1, 0, 8 * mebibyte],
      [2, 8 * mebibyte, 16 * mebibyte],
      [3, 16 * mebibyte, 20 * mebibyte + 5],
    ]);
    expect([...partsOf(0, 8 * mebibyte)]).toEqual([]);
  });

  it.each([0, 64e9, 2e12])(
    'holds a terabyte and three times what was expected in 10,000 parts (%d)',
    (expected) => {
      const first = firstPartBytes(expected);
      let capacity = 0;
      for (let number = 1; number <= 10_000; number += 1) {
        capacity += partBytes(number, first);
      }
      expect(capacity).toBeGreaterThan(Math.max(1e12, expected * 3));
    },
  );
});
