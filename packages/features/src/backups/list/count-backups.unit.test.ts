import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitPeriod } from './count-backups.ts';

const dayMs = 24 * 3600 * 1000;
const at = (text: string): number => Date.parse(text);

describe('splitPeriod', () => {
  it('of all time has no edges, and of whole days neither', () => {
    expect(splitPeriod({ fromMs: null, toMs: null })).toEqual({
      wholeDays: { fromMs: null, toMs: null },
      edges: [],
    });
    const days = { fromMs: at('2026-01-02T00:00:00Z'), toMs: at('2026-01-05T00:00:00Z') };
    expect(splitPeriod(days)).toEqual({ wholeDays: days, edges: [] });
  });

  it('has an edge where an end lies within a day', () => {
    const fromMs = at('2026-01-01T12:00:00Z');
    expect(splitPeriod({ fromMs, toMs: null })).toEqual({
      wholeDays: { fromMs: at('2026-01-02T00:00:00Z'), toMs: null },
      edges: [{ fromMs, toMs: at('2026-01-02T00:00:00Z') }],
    });
    expect(splitPeriod({ fromMs: null, toMs: fromMs })).toEqual({
      wholeDays: { fromMs: null, toMs: at('2026-01-01T00:00:00Z') },
      edges: [{ fromMs: at('2026-01-01T00:00:00Z'), toMs: fromMs }],
    });
    expect(splitPeriod({ fromMs, toMs: fromMs + 1 })).toEqual({
      wholeDays: null,
      edges: [{ fromMs, toMs: fromMs + 1 }],
    });
  });

  it('holds every moment of the period once, and no other', () => {
    const moment = fc.option(fc.integer({ min: -5 * dayMs, max: 5 * dayMs }));
    fc.assert(
      fc.property(moment, moment, fc.integer({ min: -6 * dayMs, max: 6 * dayMs }), (fromMs, toMs, ms) => {
        fc.pre(fromMs === null || toMs === null || fromMs < toMs);
        const isIn = (period: { fromMs: number | null; toMs: number | null }) =>
          ms >= (period.fromMs ?? -Infinity) && ms < (period.toMs ?? Infinity);
        const { wholeDays, edges } = splitPeriod({ fromMs, toMs });
        const holding = [...(wholeDays === null ? [] : [wholeDays]), ...edges].filter(isIn);
        expect(holding).toHaveLength(isIn({ fromMs, toMs }) ? 1 : 0);
      }),
    );
  });
});
