/**
 * Tells which running rows have lost their worker: those whose heartbeat this process has seen unchanged for a whole lease
 * by its own monotonic clock. Neither a clock that jumps nor a database that was away can make a live worker look dead.
 */
import type { OperationRef } from '@holdfast/contracts/operations';
import type { Clock } from '@holdfast/platform/clock';

export interface ObservedRow extends OperationRef {
  readonly attempt: number;
  /** heartbeat_at as the database prints it. */
  readonly heartbeat: string;
  readonly retryCount: number;
  readonly isCancelRequested: boolean;
  /** What it is for may have happened already: another attempt has to look. */
  readonly isPastReturn: boolean;
  readonly workerId: string;
}

interface Sighting {
  readonly heartbeat: string;
  readonly sinceMs: number;
}

export class HeartbeatObserver {
  readonly #leaseMs: number;
  readonly #clock: Clock;
  #sightings = new Map<string, Sighting>();
  #lastLookMs: number | null = null;

  constructor(leaseMs: number, clock: Clock) {
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  /** Call it with all running rows of one moment; answers those that are dead. */
  observe(rows: readonly ObservedRow[]): ObservedRow[] {
    const nowMs = this.#clock.monotonicMs();
    // After a pause in looking (we were frozen, or the database was away) what was seen before proves nothing.
    const wasAway = this.#lastLookMs !== null && nowMs - this.#lastLookMs > this.#leaseMs;
    const earlier = wasAway ? new Map<string, Sighting>() : this.#sightings;
    this.#lastLookMs = nowMs;
    this.#sightings = new Map(
      rows.map((row) => {
        const key = `${row.kind}:${row.id}:${row.attempt}`;
        const seen = earlier.get(key);
        return [key, seen?.heartbeat === row.heartbeat ? seen : { heartbeat: row.heartbeat, sinceMs: nowMs }];
      }),
    );
    return rows.filter(
      (row) =>
        nowMs - (this.#sightings.get(`${row.kind}:${row.id}:${row.attempt}`)?.sinceMs ?? nowMs) >=
        this.#leaseMs,
    );
  }
}
