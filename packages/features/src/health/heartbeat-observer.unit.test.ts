import { describe, expect, it } from '@jest/globals';
import { HeartbeatObserver, type ObservedRow } from './heartbeat-observer.ts';

const leaseMs = 1_000;

function observerAt(clock: { ms: number }): HeartbeatObserver {
  return new HeartbeatObserver(leaseMs, { now: () => new Date(0), monotonicMs: () => clock.ms });
}
const row = (heartbeat: string, attempt = 1): ObservedRow => ({
  kind: 'backup',
  id: '1',
  attempt,
  heartbeat,
  retryCount: 0,
  isCancelRequested: false,
  isPastReturn: false,
  workerId: 'w',
});

describe('HeartbeatObserver', () => {
  it('calls a row dead once its heartbeat has stood still for a lease', () => {
    const clock = { ms: 0 };
    const observer = observerAt(clock);
    expect(observer.observe([row('a')])).toEqual([]);
    clock.ms = 900;
    expect(observer.observe([row('a')])).toEqual([]);
    clock.ms = 1_000;
    expect(observer.observe([row('a')])).toEqual([row('a')]);
  });

  it('begins again with every beat and every attempt', () => {
    const clock = { ms: 0 };
    const observer = observerAt(clock);
    observer.observe([row('a')]);
    clock.ms = 900;
    observer.observe([row('b')]);
    clock.ms = 1_800;
    expect(observer.observe([row('b')])).toEqual([]);
    clock.ms = 1_900;
    expect(observer.observe([row('b', 2)])).toEqual([]);
  });

  it('trusts nothing it saw before a pause of its own: frozen, or the database away', () => {
    const clock = { ms: 0 };
    const observer = observerAt(clock);
    observer.observe([row('a')]);
    clock.ms = 60_000;
    expect(observer.observe([row('a')])).toEqual([]);
    clock.ms = 60_900;
    expect(observer.observe([row('a')])).toEqual([]);
    clock.ms = 61_000;
    expect(observer.observe([row('a')])).toHaveLength(1);
  });
});
