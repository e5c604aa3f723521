/** max_concurrent_operations holds across the cluster, whatever the number of workers, and follows the setting while running. */
import { describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(90_000);

/** The most intervals that any moment lies in. */
function mostAtOnce(backups: readonly BackupView[]): number {
  const edges = backups.flatMap(({ startedAt, completedAt }) => [
    { at: Date.parse(startedAt as string), step: 1 },
    { at: Date.parse(completedAt as string), step: -1 },
  ]);
  edges.sort((a, b) => a.at - b.at || a.step - b.step);
  let now = 0;
  return Math.max(...edges.map(({ step }) => (now += step)));
}

describe('two workers', () => {
  it('never run more than the limit at once, started before or after the backups, and a new limit counts from then on', async () => {
    const stack = await TestStack.create({ settings: { max_concurrent_operations: 2 } });
    const { client } = await stack.startApi();
    const dir = await fakeClientDir(stack.folder, 'isSlow');
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    const create = async (count: number): Promise<number[]> =>
      await Promise.all(
        Array.from({ length: count }, () => client.createBackup({ compressionType: 'zstd' })),
      );
    const ids = await create(4);
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    ids.push(...(await create(4)));
    const ended = await Promise.all(ids.map((id) => stack.untilEnded(client, id)));
    expect(ended.map((backup) => backup.errorMessage)).toEqual(ids.map(() => null));
    expect(mostAtOnce(ended)).toBe(2);

    await stack.metadata.query('UPDATE backup_settings SET max_concurrent_operations = 1');
    const afterwards = await Promise.all((await create(3)).map((id) => stack.untilEnded(client, id)));
    expect(mostAtOnce(afterwards)).toBe(1);

    await stack.metadata.query('UPDATE backup_settings SET max_concurrent_operations = 3');
    const more = await Promise.all((await create(6)).map((id) => stack.untilEnded(client, id)));
    expect(mostAtOnce(more)).toBe(3);
    await stack.destroy();
  });
});
