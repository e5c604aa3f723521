/** Publishes a meter on a clock: at every change of step, else at most four times a second. Losing a message harms nothing. */
import type { AppError } from '@holdfast/contracts/errors';
import type { OperationProgress } from '@holdfast/contracts/operations';
import type { Logger } from '@holdfast/platform/logger';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { Redis } from 'ioredis';
import type { ProgressMeter, StepShare } from './progress-meter.ts';
import { publishProgress } from './progress-store.ts';

const tickMs = 250;

export class ProgressReporter {
  readonly meter: ProgressMeter;
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | null = null;
  #lastBytes = -1;
  #sending: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(meter: ProgressMeter, deps: { redis: Redis; keys: RedisKeys; logger: Logger }) {
    this.meter = meter;
    this.#redis = deps.redis;
    this.#keys = deps.keys;
    this.#logger = deps.logger;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
  }

  startStep(step: StepShare, bytesTotal: number | null = null, isEstimated = false): void {
    this.meter.startStep(step, bytesTotal, isEstimated);
    this.#send(this.meter.snapshot('running'));
  }

  /** The last message, after the row has settled: `completed` is 100 percent. */
  async end(status: string, error: AppError | null): Promise<void> {
    this.stop();
    const progress = this.meter.snapshot(status);
    this.#send(
      error === null ? progress : { ...progress, errorCode: error.code, errorMessage: error.message },
    );
    await this.#sending;
  }

  /** No more messages: another attempt speaks for the operation, or it is handed back. */
  stop(): void {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #tick(): void {
    // A slow Redis must not pile messages up: the next tick tells the same, newer.
    if (this.meter.bytesDone !== this.#lastBytes && this.#queued === 0) {
      this.#lastBytes = this.meter.bytesDone;
      this.#send(this.meter.snapshot('running'));
    }
  }

  #send(progress: OperationProgress): void {
    this.#queued += 1;
    this.#sending = this.#sending
      .then(() => publishProgress(this.#redis, this.#keys, progress))
      .catch((error: unknown) => {
        this.#logger.debug({ error: (error as Error).message }, 'a progress message was lost');
      })
      .finally(() => {
        this.#queued -= 1;
      });
  }
}
