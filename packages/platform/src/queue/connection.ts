/** Redis connections, one kind for each use. */
import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/**
 * `publisher` fails at once when Redis is away, since the row is the outbox; `queue` belongs to BullMQ, which wants to
 * wait for it; `subscriber` reconnects and subscribes again by itself.
 */
export type RedisUse = 'publisher' | 'queue' | 'subscriber';

export function connectRedis(url: string, use: RedisUse, logger: Logger): Redis {
  const redis = new Redis(url, {
    // BullMQ's blocking reads need null; a publisher must not hold a request back.
    maxRetriesPerRequest: use === 'publisher' ? 1 : null,
    enableOfflineQueue: use !== 'publisher',
    // The check asks with INFO, which a connection that subscribed before it was ready may no longer send.
    enableReadyCheck: use !== 'subscriber',
    connectTimeout: 5_000,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
    ...(use === 'publisher' ? { commandTimeout: 3_000 } : {}),
  });
  let isDown = false;
  redis.on('error', (error) => {
    if (!isDown) {
      isDown = true;
      logger.warn({ error: error.message, use }, 'Redis is not reachable; trying again until it is');
    }
  });
  redis.on('ready', () => {
    if (isDown) {
      isDown = false;
      logger.info({ use }, 'Redis is back');
    }
  });
  return redis;
}
