/** Redis loses everything, restarts or is away: rows bring it all back, and nothing runs twice. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PrivateRedis } from '@holdfast/platform/instances/private-redis';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { Redis } from 'ioredis';

jest.setTimeout(60_000);

describe('Redis', () => {
  let stack: TestStack;
  let client: TestClient;
  let redis: PrivateRedis;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'redis-'));
    await chmod(folder, 0o755);
    const account = await findServiceAccount();
    const own = await reachableFolder(path.join(folder, 'data'), account);
    redis = new PrivateRedis({
      folder: own,
      program: (await findPrograms())?.redisServer as string,
      account,
    });
    await redis.start();
    stack = await TestStack.create({ redisUrl: redis.url, settings: { max_concurrent_operations: 1 } });
    ({ client } = await stack.startApi());
  });
  afterEach(async () => {
    await stack.destroy();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const startSlowWorker = async () =>
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'isSlow') });
  const flush = async (): Promise<void> => {
    const connection = new Redis(redis.url);
    await connection.flushall();
    connection.disconnect();
  };
  const loseAndRestart = async (keepData: boolean): Promise<void> => {
    await redis.crash({ keepData });
    await redis.start();
  };

  it.each<[string, () => Promise<void>]>([
    ['is flushed', flush],
    ['restarts with its append-only file', () => loseAndRestart(true)],
    ['restarts with nothing', () => loseAndRestart(false)],
  ])('%s with operations waiting and one running: each is done once', async (_what, fault) => {
    await startSlowWorker();
    const ids = [await client.createBackup(), await client.createBackup(), await client.createBackup()];
    await stack.untilStatus('admin_backups', ids[0] as number, ['running']);
    await fault();
    for (const id of ids) {
      expect(await stack.untilEnded(client, id)).toMatchObject({
        status: 'completed',
        errorMessage: null,
        attempt: 1,
        retryCount: 0,
      });
    }
    expect(await stack.storedFiles()).toHaveLength(6);
  });

  it('is away: a backup is accepted all the same, and runs when Redis is back', async () => {
    await startSlowWorker();
    await redis.crash({ keepData: true });
    const answer = await client.send<{ backupId: number }>('POST', '/backups', {
      body: { displayName: 'While Redis is away' },
    });
    expect(answer.status).toBe(202);
    expect((await client.send<{ redis: string }>('GET', '/health/ready')).body).toMatchObject({
      status: 'ready',
      redis: 'down',
    });
    expect(await client.get(`/backups/${answer.body.backupId}/progress`)).toMatchObject({
      status: 'pending',
      progressPercent: 0,
    });
    await redis.start();
    expect(await stack.untilEnded(client, answer.body.backupId)).toMatchObject({
      status: 'completed',
      attempt: 1,
    });
  });
});
