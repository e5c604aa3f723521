/** Whether this process can serve: the metadata database must answer; Redis may be away, since rows are the outbox. */
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';

export interface Readiness {
  readonly isReady: boolean;
  readonly database: 'up' | 'down';
  readonly redis: 'up' | 'down';
}

const answerWithinMs = 3_000;

export async function checkReadiness({
  source,
  redis,
}: {
  source: DataSource;
  redis: Redis;
}): Promise<Readiness> {
  const [database, queue] = await Promise.all([isUp(source.query('SELECT 1')), isUp(redis.ping())]);
  return { isReady: database === 'up', database, redis: queue };
}

async function isUp(answer: Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), answerWithinMs);
  });
  const word = await Promise.race([
    answer.then(
      () => 'up' as const,
      () => 'down' as const,
    ),
    tooLate,
  ]);
  clearTimeout(timer);
  return word;
}
