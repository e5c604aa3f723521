/** The only reader of the wall clock and of the monotonic clock. */

export interface Clock {
  now(): Date;
  /** Milliseconds that never jump; for durations and leases. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
