/** The newest progress of each operation, in Redis until it expires. */
import type { OperationProgress, OperationRef } from '@holdfast/contracts/operations';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { Redis } from 'ioredis';

/** Long enough to outlast any pause between two signs of life; the row tells the end for ever. */
const keepSeconds = 24 * 3600;

const endedStatuses = new Set(['completed', 'failed', 'cancelled']);

export function isEnded(status: string): boolean {
  return endedStatuses.has(status);
}

/** Keeps and publishes in one round trip, in this order: who reads after hearing never finds something older. */
export async function publishProgress(
  redis: Redis,
  keys: RedisKeys,
  progress: OperationProgress,
): Promise<void> {
  const text = JSON.stringify(progress);
  const member = `${progress.kind}:${progress.id}`;
  const pipeline = redis.pipeline().set(keys.progress(progress), text, 'EX', keepSeconds);
  const listed = isEnded(progress.status)
    ? pipeline.srem(keys.activeOperations, member)
    : pipeline.sadd(keys.activeOperations, member);
  await listed.publish(keys.channel('progress'), text).exec();
}

export async function readProgress(
  redis: Redis,
  keys: RedisKeys,
  ref: OperationRef,
): Promise<OperationProgress | null> {
  const text = await redis.get(keys.progress(ref));
  return text === null ? null : (JSON.parse(text) as OperationProgress);
}

/** Everything that runs now in the cluster. */
export async function readActiveProgress(redis: Redis, keys: RedisKeys): Promise<OperationProgress[]> {
  const members = await redis.smembers(keys.activeOperations);
  const refs = members.map((member): OperationRef => {
    const [kind, id] = member.split(/:(.*)/s);
    return { kind: kind as OperationRef['kind'], id: id as string };
  });
  const found = await Promise.all(refs.map((ref) => readProgress(redis, keys, ref)));
  return found.filter((progress) => progress !== null && !isEnded(progress.status)) as OperationProgress[];
}
