import { describe, expect, it } from '@jest/globals';
import { lastCleanupTime, nextCleanupTime } from './cleanup-time.ts';

const daily = { cleanupFrequency: 'daily', cleanupTime: '02:30' };
const weekly = { cleanupFrequency: 'weekly', cleanupTime: '02:30' };

describe('cleaning up', () => {
  it.each([
    ['before the time of a day', daily, '2026-11-25T02:29:59Z', ['2026-11-24', '2026-11-25']],
    ['at the time of a day', daily, '2026-11-25T02:30:00Z', ['2026-11-25', '2026-11-26']],
    ['at the turn of a year', daily, '2027-01-01T00:00:00Z', ['2026-12-31', '2027-01-01']],
    // 2026-11-23 is a Monday.
    ['in the middle of a week', weekly, '2026-11-25T12:00:00Z', ['2026-11-23', '2026-11-30']],
    ['on a Sunday', weekly, '2026-11-29T23:59:59Z', ['2026-11-23', '2026-11-30']],
    ['early on a Monday', weekly, '2026-11-23T02:00:00Z', ['2026-11-16', '2026-11-23']],
    ['over the end of a leap February', weekly, '2028-03-01T00:00:00Z', ['2028-02-28', '2028-03-06']],
  ])('%s was last due before and is due next after', (_when, times, now, days) => {
    const found = [lastCleanupTime(times, new Date(now)), nextCleanupTime(times, new Date(now))];
    expect(found).toEqual(days.map((day) => new Date(`${day}T02:30:00Z`)));
  });
});
