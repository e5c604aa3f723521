/** What an operation does about sessions that wait for a lock which it holds: give way, warn, or hold on. */
import { AppError } from '@holdfast/contracts/errors';
import type { BlockedSession } from '@holdfast/platform/pgtools/server-backends';
import type { OperationContext } from './operation-context.ts';

/** Told of every look at the server; acts once somebody has waited for longer than the grace. */
export class BlockingPolicy {
  readonly #context: OperationContext;
  /** When each waiting process was first seen, by the monotonic clock. */
  #sinceMs = new Map<number, number>();
  readonly #warned = new Map<number, string>();

  constructor(context: OperationContext) {
    this.#context = context;
  }

  get isWatching(): boolean {
    return this.#context.settings.blockingPolicy !== 'hold';
  }

  /** For the record of the operation, where the policy is to warn. */
  get warnings(): string[] {
    return [...this.#warned.values()];
  }

  apply(blocked: readonly BlockedSession[]): void {
    const { deps, settings } = this.#context;
    const nowMs = deps.clock.monotonicMs();
    this.#sinceMs = new Map(blocked.map(({ pid }) => [pid, this.#sinceMs.get(pid) ?? nowMs]));
    const late = blocked.filter(
      ({ pid }) => nowMs - (this.#sinceMs.get(pid) ?? nowMs) >= settings.blockingGrace * 1000,
    );
    if (late.length === 0) {
      return;
    }
    if (settings.blockingPolicy === 'yield') {
      this.#giveWay(late);
    } else {
      this.#warn(late);
    }
  }

  /** Ends the attempt, and with it the locks; it is tried again as any operation that met a lock. */
  #giveWay(late: readonly BlockedSession[]): void {
    const { deps, ref, settings } = this.#context;
    const who = late.map(({ description }) => description).join('; ');
    deps.running.abort(
      ref,
      new AppError(
        'LOCKED',
        `Gave way to somebody who waited ${settings.blockingGrace} s for a lock that the ${ref.kind} held: ${who}.`,
        {
          remediation:
            'It is tried again while retries are left. Run it when no table is altered, or change blocking_policy and blocking_grace in the settings.',
        },
      ),
    );
  }

  #warn(late: readonly BlockedSession[]): void {
    for (const { pid, description } of late) {
      if (!this.#warned.has(pid)) {
        this.#warned.set(pid, `Made somebody wait for a lock: ${description}`);
        this.#context.logger.warn(
          { blocked: description },
          'somebody waits for a lock that the operation holds',
        );
      }
    }
  }
}
