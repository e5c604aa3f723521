import { describe, expect, it } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import { chooseExpiry } from './choose-expiry.ts';

const now = new Date('2026-03-01T12:00:00Z');

describe('chooseExpiry', () => {
  it.each<[string, string | null | undefined, number, string | null]>([
    ['what was asked for', '2026-04-01T00:00:00Z', 30, '2026-04-01T00:00:00.000Z'],
    ['never, where that was asked for', null, 30, null],
    ['the retention of the settings, where nothing was', undefined, 30, '2026-03-31T12:00:00.000Z'],
    ['never, where the settings have no retention', undefined, 0, null],
  ])('takes %s', (_what, asked, days, expected) => {
    expect(chooseExpiry(asked, days, now)?.toISOString() ?? null).toBe(expected);
  });

  it('refuses a time that is past', () => {
    expect(() => chooseExpiry('2026-03-01T12:00:00Z', 30, now)).toThrow(AppError);
  });
});
