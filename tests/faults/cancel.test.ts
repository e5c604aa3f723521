/** Cancelling: at once while waiting, in the middle with nothing left behind, and refused when it is over. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { commandLinesWith } from '@holdfast/testkit/processes-of';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

describe('cancelling a backup', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeEach(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
  });
  afterEach(async () => await stack.destroy());

  it.each(['stallsInTheMiddle', 'ignoresSignals'] as const)(
    'in the middle of a dump (%s) leaves no file, session or process',
    async (misbehaviour) => {
      const dir = await fakeClientDir(stack.folder, misbehaviour);
      await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
      const id = await client.createBackup({ compressionType: 'gzip' });
      await until(async () => (await commandLinesWith(dir)).length > 0);
      await client.post(`/backups/${id}/cancel`);
      await client.post(`/backups/${id}/cancel`);
      expect(await stack.untilEnded(client, id)).toMatchObject({
        status: 'cancelled',
        errorCode: 'CANCELLED',
        retryCount: 0,
      });
      expect(await stack.storedFiles()).toEqual([]);
      expect(await stack.operationSessions()).toEqual([]);
      expect(await commandLinesWith(dir)).toEqual([]);
    },
  );

  it('that waits ends it at once, and no worker starts it later', async () => {
    const id = await client.createBackup();
    await client.post(`/backups/${id}/cancel`);
    expect(await client.get(`/backups/${id}`)).toMatchObject({ status: 'cancelled', attempt: 0 });
    await stack.startWorker();
    const after = await stack.backUp(client);
    expect(after.status).toBe('completed');
    expect(await client.get(`/backups/${id}`)).toMatchObject({ status: 'cancelled', attempt: 0 });
  });

  it('whose worker has died is done by the reconciler', async () => {
    const worker = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
    const id = await client.createBackup();
    await worker.reached('backup-written');
    await worker.kill();
    await client.post(`/backups/${id}/cancel`);
    expect(await stack.untilEnded(client, id)).toMatchObject({ status: 'cancelled' });
  });

  it('that has completed is refused', async () => {
    await stack.startWorker();
    const { id } = await stack.backUp(client);
    expect(await client.send('POST', `/backups/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'IN_USE' },
    });
  });
});
