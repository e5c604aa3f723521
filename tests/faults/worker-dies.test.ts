/** A worker that is killed or frozen in the middle: the next attempt stands, nothing of the first is left. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

describe('a backup whose worker', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeEach(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
  });
  afterEach(async () => await stack.destroy());

  const untilPartial = async (): Promise<string> =>
    await until(async () => (await stack.storedFiles()).find((file) => file.endsWith('.1.partial')));

  async function expectOneGoodBackup(backupId: number): Promise<void> {
    const backup = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'completed', attempt: 2, retryCount: 1, errorCode: null });
    await until(async () => (await stack.storedFiles()).every((file) => !file.endsWith('.partial')));
    expect(await stack.storedFiles()).toEqual([backup.filePath, `${backup.filePath}.manifest.json`]);
    expect(await stack.drill(client, backupId)).toMatchObject({
      status: 'completed',
      result: { isEqual: true },
    });
    expect(await stack.scratchDatabases()).toEqual([]);
  }

  it.each(['backup-written', 'backup-publishing'])(
    'is killed at "%s" is completed by another worker',
    async (step) => {
      const first = await stack.startWorker({ TEST_PAUSE_AT: step });
      const backupId = await client.createBackup({ compressionType: 'zstd' });
      await first.reached(step);
      await first.kill();
      await stack.startWorker();
      await expectOneGoodBackup(backupId);
    },
  );

  it('is killed while bytes flow is completed by another, which finds no session of the first', async () => {
    const first = await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'stallsInTheMiddle'),
    });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await untilPartial();
    await first.kill();
    await stack.startWorker();
    await expectOneGoodBackup(backupId);
    expect(await stack.operationSessions()).toEqual([]);
  });

  it('is frozen past its lease and then goes on changes nothing any more', async () => {
    const first = await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'stallsInTheMiddle'),
    });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await untilPartial();
    first.signal('SIGSTOP');
    await stack.startWorker();
    const completed = await stack.untilEnded(client, backupId);
    expect(completed).toMatchObject({ status: 'completed', attempt: 2 });
    first.signal('SIGCONT');
    await first.find((line) => line.msg === 'another attempt holds the operation; this one changed nothing');
    await expectOneGoodBackup(backupId);
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      checksumSha256: completed.checksumSha256,
      completedAt: completed.completedAt,
    });
  });

  it('is frozen when it has written everything loses to the second attempt too', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await first.reached('backup-written');
    first.signal('SIGSTOP');
    await stack.startWorker();
    await stack.untilEnded(client, backupId);
    first.signal('SIGCONT');
    await first.kill();
    await expectOneGoodBackup(backupId);
  });

  it('is frozen inside the publishing transaction, and goes on when another has completed, touches nothing of it', async () => {
    const first = await stack.startWorker({ TEST_FREEZE_AT: 'backup-publishing' });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await first.frozen('backup-publishing');
    await stack.startWorker();
    // Its transaction holds the row until the server ends it for being idle.
    const completed = await stack.untilEnded(client, backupId);
    expect(completed).toMatchObject({ status: 'completed', attempt: 2, retryCount: 1 });
    first.signal('SIGCONT');
    await first.find((line) => line.msg === 'another attempt holds the operation; this one changed nothing');
    await expectOneGoodBackup(backupId);
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      checksumSha256: completed.checksumSha256,
      filePath: completed.filePath,
      completedAt: completed.completedAt,
    });
  });

  it('is asked to stop hands it to another, which is no retry', async () => {
    const first = await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'stallsInTheMiddle'),
    });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await untilPartial();
    expect(await first.stop()).toBe(0);
    expect(await stack.storedFiles()).toEqual([]);
    await stack.startWorker();
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      status: 'completed',
      attempt: 2,
      retryCount: 0,
    });
  });

  it('and every other dies is waiting again, and runs when one returns', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
    const backupId = await client.createBackup();
    await first.reached('backup-written');
    await first.kill();
    await stack.untilStatus('admin_backups', backupId, ['pending']);
    await stack.startWorker();
    await expectOneGoodBackup(backupId);
  });

  it('dies again and again ends as failed, never as running', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_retries = 1');
    const backupId = await client.createBackup();
    for (let round = 0; round < 2; round += 1) {
      const worker = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
      await worker.reached('backup-written');
      await worker.kill();
    }
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      status: 'failed',
      errorCode: 'STALLED',
      retryCount: 1,
      attempt: 2,
    });
    await stack.startWorker();
    await until(async () => (await stack.storedFiles()).length === 0);
  });
});

describe('a drill whose worker is killed', () => {
  it('is completed by another and leaves no scratch database', async () => {
    const stack = await TestStack.create();
    const { client } = await stack.startApi();
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'drill-restored' });
    const { id } = await stack.backUp(client, { compressionType: 'zstd' });
    const { operationId } = await client.post<{ operationId: string }>(`/backups/${id}/drill`);
    await first.reached('drill-restored');
    expect(await stack.scratchDatabases()).toHaveLength(1);
    await first.kill();
    await stack.startWorker();
    await stack.untilStatus('drills', operationId, ['completed']);
    expect(await client.get(`/drills/${operationId}`)).toMatchObject({
      attempt: 2,
      retryCount: 1,
      result: { isEqual: true },
    });
    expect(await stack.scratchDatabases()).toEqual([]);
    await stack.destroy();
  });
});
