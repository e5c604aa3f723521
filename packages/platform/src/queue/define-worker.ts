/** Runs job handlers. A handler settles its row itself, so a job never fails here on purpose and is never retried by the queue. */
import { type JobName, type JobPayloads, jobQueues, type QueueName } from '@holdfast/contracts/jobs';
import { DelayedError, type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { RedisKeys } from './keys.ts';

export interface PutBack {
  readonly putBackForMs: number;
}

/** `signal` aborts when the worker shuts down by force. A handler that answers PutBack gets the job again later. */
export type JobHandler<N extends JobName> = (
  payload: JobPayloads[N],
  signal: AbortSignal,
) => Promise<PutBack | undefined>;

/** One handler for each job name: leaving one out is a type error. */
export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };

export interface QueueWorkerOptions {
  readonly handlers: JobHandlers;
  /** What this process takes jobs from. */
  readonly queues: readonly QueueName[];
  readonly connection: Redis;
  readonly keys: RedisKeys;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Jobs of `operations` that this process runs at once. */
  readonly concurrency: number;
  readonly leaseMs: number;
}

export interface QueueWorker {
  start(): void;
  /** Takes no more jobs and waits for those that run. */
  stop(): Promise<void>;
}

export function defineWorker(options: QueueWorkerOptions): QueueWorker {
  const workers = options.queues.map((name) => openWorker(name, options));
  return {
    start: () => {
      for (const worker of workers) {
        // It ends only when the worker is closed; faults arrive by the 'error' event.
        worker.run().catch((error: unknown) => options.logger.error({ error }, 'the queue worker ended'));
      }
    },
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

function openWorker(name: QueueName, options: QueueWorkerOptions): Worker {
  const { connection, keys, logger, handlers, clock } = options;
  const processor = async (
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const answer = await dispatch(handlers, job, signal ?? new AbortController().signal);
    if (answer) {
      await job.moveToDelayed(clock.now().getTime() + answer.putBackForMs, token);
      throw new DelayedError();
    }
  };
  const worker = new Worker(name, processor, {
    connection,
    prefix: keys.prefix,
    autorun: false,
    concurrency: name === 'operations' ? options.concurrency : 4,
    lockDuration: options.leaseMs,
    stalledInterval: options.leaseMs,
    // A job whose worker vanished is dropped: the reconciler starts the next attempt under its own id.
    maxStalledCount: 0,
  });
  worker.on('error', (error) => logger.warn({ error: error.message, queue: name }, 'queue worker'));
  return worker;
}

async function dispatch(handlers: JobHandlers, job: Job, signal: AbortSignal): Promise<PutBack | undefined> {
  const name = job.name as JobName;
  if (!(name in jobQueues)) {
    // A newer release may know it: leave it to its workers instead of losing it.
    return { putBackForMs: 10_000 };
  }
  const handler = handlers[name] as JobHandler<JobName>;
  return await handler(job.data as JobPayloads[JobName], signal);
}
