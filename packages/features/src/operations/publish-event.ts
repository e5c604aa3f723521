/** Tells live subscribers that an operation began or ended. Rows are the truth, so a lost event only delays a view. */
import type { OperationEvent } from '@holdfast/contracts/events';
import type { OperationRef } from '@holdfast/contracts/operations';
import type { Logger } from '@holdfast/platform/logger';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { Redis } from 'ioredis';

export interface EventDeps {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly logger: Logger;
}

export async function publishOperationEvent(deps: EventDeps, event: OperationEvent): Promise<void> {
  await publish(deps, 'operation', event);
}

/** Asks the worker that runs it, whichever that is, to stop now; the row carries the same request. */
export async function publishCancel(deps: EventDeps, ref: OperationRef): Promise<void> {
  await publish(deps, 'cancel', { kind: ref.kind, id: ref.id });
}

async function publish(
  { redis, keys, logger }: EventDeps,
  channel: 'operation' | 'cancel',
  message: OperationEvent | OperationRef,
): Promise<void> {
  try {
    await redis.publish(keys.channel(channel), JSON.stringify(message));
  } catch (error) {
    logger.debug({ error: (error as Error).message, channel }, 'a message was lost');
  }
}
