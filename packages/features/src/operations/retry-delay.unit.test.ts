import { describe, expect, it } from '@jest/globals';
import { retryDelayMs } from './retry-delay.ts';

describe('retryDelayMs', () => {
  const policy = { maxRetries: 3, retryDelaySeconds: 10 };

  it('doubles with each retry, between half and all of it, up to a quarter of an hour', () => {
    expect([0, 1, 2].map((retry) => retryDelayMs(policy, retry, 1))).toEqual([10_000, 20_000, 40_000]);
    expect([0, 1, 2].map((retry) => retryDelayMs(policy, retry, 0))).toEqual([5_000, 10_000, 20_000]);
    expect(retryDelayMs(policy, 30, 1)).toBe(900_000);
  });

  it('is none where none is wanted', () => {
    expect(retryDelayMs({ ...policy, retryDelaySeconds: 0 }, 5, 0.5)).toBe(0);
  });

  it('keeps a configured delay that is longer than the longest it would double to', () => {
    expect(retryDelayMs({ maxRetries: 3, retryDelaySeconds: 3600 }, 2, 1)).toBe(3_600_000);
  });
});
