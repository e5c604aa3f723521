import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ProgressMeter } from './progress-meter.ts';

function meterAt(clock: { ms: number }): ProgressMeter {
  return new ProgressMeter({
    ref: { kind: 'backup', id: '1' },
    attempt: 1,
    clock: { now: () => new Date(0), monotonicMs: () => clock.ms },
  });
}

describe('ProgressMeter', () => {
  it('works out percent, speed and the time remaining', () => {
    const clock = { ms: 0 };
    const meter = meterAt(clock);
    meter.startStep({ name: 'Creating backup', from: 0, to: 90 }, 1_000);
    clock.ms = 1_000;
    meter.addBytes(500);
    expect(meter.snapshot('running')).toMatchObject({
      progressPercent: 45,
      bytesPerSecond: 500,
      estimatedTimeRemaining: 1,
      bytesDone: 500,
      bytesTotal: 1_000,
    });
  });

  it('says nothing of speed and total while they are unknown', () => {
    const meter = meterAt({ ms: 0 });
    meter.startStep({ name: 'Publishing', from: 99, to: 99 }, null);
    const progress = meter.snapshot('running');
    expect(progress).toMatchObject({ bytesTotal: null, bytesPerSecond: null, progressPercent: 99 });
    expect(progress).not.toHaveProperty('estimatedTimeRemaining');
  });

  it('tells how long nothing has moved, and a touch counts as movement', () => {
    const clock = { ms: 0 };
    const meter = meterAt(clock);
    clock.ms = 5_000;
    expect(meter.idleMs).toBe(5_000);
    meter.touch();
    expect(meter.idleMs).toBe(0);
  });

  it('never goes back, never passes 99 before the end, and its messages are numbered', () => {
    const move = fc.record({
      bytes: fc.nat(5_000),
      from: fc.nat(99),
      to: fc.nat(99),
      total: fc.option(fc.nat(3_000)),
      isStep: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(move, { minLength: 1, maxLength: 40 }), (moves) => {
        const clock = { ms: 0 };
        const meter = meterAt(clock);
        const percents = moves.map(({ bytes, from, to, total, isStep }) => {
          clock.ms += 300;
          if (isStep) {
            meter.startStep({ name: 's', from, to: Math.max(from, to) }, total);
          }
          meter.addBytes(bytes);
          return meter.snapshot('running');
        });
        const end = meter.snapshot('completed');
        expect(percents.map((progress) => progress.seq)).toEqual(moves.map((_move, index) => index + 1));
        expect(percents.map((progress) => progress.progressPercent)).toEqual(
          percents.map((progress) => progress.progressPercent).sort((a, b) => a - b),
        );
        expect(Math.max(...percents.map((progress) => progress.progressPercent))).toBeLessThanOrEqual(99);
        expect(end.progressPercent).toBe(100);
      }),
    );
  });
});
