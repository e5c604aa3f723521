/** Two installations on one server, each with an operation 1: neither takes the other's sessions for leftovers of its own. */
import { describe, expect, it, jest } from '@jest/globals';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

describe('two installations on one server', () => {
  it('leave each other alone', async () => {
    const one = await TestStack.create();
    const two = await TestStack.create({ targetUrl: one.target?.url as string });
    const [first, second] = [await one.startApi(), await two.startApi()];
    await one.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(one.folder, 'isSlow') });
    await two.startWorker();
    const slow = await first.client.createBackup({ compressionType: 'zstd' });
    await until(async () => (await one.storedFiles()).some((file) => file.endsWith('.partial')));
    const quick = await two.backUp(second.client, { compressionType: 'zstd' });
    expect([slow, quick.id]).toEqual([1, 1]);
    expect(quick.errorMessage).toBeNull();
    expect(await one.untilEnded(first.client, slow)).toMatchObject({
      status: 'completed',
      attempt: 1,
      errorMessage: null,
    });
    await two.destroy();
    await one.destroy();
  });
});
