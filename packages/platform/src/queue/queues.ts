/** The queues as producers see them. Redis may lose all of this: the reconciler rebuilds it from rows. */
import { type JobName, type JobPayloads, jobQueues, type QueueName } from '@holdfast/contracts/jobs';
import { AppError } from '@holdfast/contracts/errors';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import type { RedisKeys } from './keys.ts';

export interface AddJob<N extends JobName> {
  readonly name: N;
  readonly payload: JobPayloads[N];
  /** Names the operation and its attempt, so that adding twice is harmless. No `:`, not digits alone. */
  readonly jobId: string;
  readonly delayMs?: number;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
}

/** Longer than any answer of a Redis that is well. */
const answerWithinMs = 5_000;

export class JobQueues {
  readonly #connection: Redis;
  readonly #queues: Record<QueueName, Queue>;

  /** `connection` is for the queues alone. */
  constructor(connection: Redis, keys: RedisKeys, logger: Logger) {
    this.#connection = connection;
    const open = (name: QueueName): Queue => {
      const queue = new Queue(name, {
        connection,
        prefix: keys.prefix,
        skipWaitingForReady: true,
        // A finished job that is kept would swallow a later add with its id; history belongs to the row.
        defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
      });
      queue.on('error', (error) => logger.debug({ error: error.message, queue: name }, 'queue connection'));
      return queue;
    };
    this.#queues = { operations: open('operations'), maintenance: open('maintenance'), keys: open('keys') };
  }

  /** @throws AppError SERVICE_UNAVAILABLE at once while Redis is away, as all of these */
  async add<N extends JobName>(job: AddJob<N>): Promise<void> {
    const options = {
      jobId: job.jobId,
      ...(job.delayMs !== undefined && job.delayMs > 0 ? { delay: job.delayMs } : {}),
    };
    await this.#ask(() => this.#queues[jobQueues[job.name]].add(job.name, job.payload, options));
  }

  /** How many operations the whole cluster runs at once. */
  async setOperationLimit(limit: number): Promise<void> {
    await this.#ask(() => this.#queues.operations.setGlobalConcurrency(limit));
  }

  async counts(queue: QueueName): Promise<QueueCounts> {
    const counts = await this.#ask(() => this.#queues[queue].getJobCounts('waiting', 'active', 'delayed'));
    return {
      waiting: counts['waiting'] ?? 0,
      active: counts['active'] ?? 0,
      delayed: counts['delayed'] ?? 0,
    };
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#queues).map((queue) => queue.close()));
  }

  /** BullMQ would keep what is asked in memory until Redis is back; the rows keep it better. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#connection.status !== 'ready') {
      throw new AppError('SERVICE_UNAVAILABLE', 'Redis is not reachable.');
    }
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new AppError('SERVICE_UNAVAILABLE', 'Redis does not answer.')),
        answerWithinMs,
      );
    });
    try {
      return await Promise.race([question(), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}
