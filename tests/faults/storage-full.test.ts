/** The storage is full, or fills up in the middle of a backup: the right code, nothing half-written, earlier backups untouched. */
import { mkdir, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { runCommand } from '@holdfast/platform/process/run-command';
import { describeAsRoot } from '@holdfast/testkit/as-root';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

describeAsRoot('a file system', () => {
  let stack: TestStack;
  let client: TestClient;
  let small: BackupView;

  const start = async (size: string): Promise<void> => {
    stack = await TestStack.create();
    await mkdir(stack.storageDir);
    await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', stack.storageDir]);
    ({ client } = await stack.startApi());
  };
  beforeEach(() => {
    small = undefined as unknown as BackupView;
  });
  afterEach(async () => {
    await Promise.all(stack.processes.map((process) => process.kill()));
    await runCommand('umount', [stack.storageDir]);
    await stack.destroy();
  });

  const takeSmall = async (): Promise<void> => {
    small = await stack.backUp(client, { backupType: 'schema', compressionType: 'zstd' });
    expect(small.status).toBe('completed');
  };
  const expectOnlySmall = async (): Promise<void> => {
    const kept = (await stack.storedFiles()).filter((file) => file !== 'ballast');
    expect(kept).toEqual([small.filePath, `${small.filePath}.manifest.json`]);
    const sum = await runCommand('sha256sum', [stack.storedPath(small)]);
    expect(sum.slice(0, 64)).toBe(small.checksumSha256);
  };

  it('that is too small for a backup is found so before a byte is written', async () => {
    await start('2m');
    await stack.startWorker();
    await takeSmall();
    const large = await stack.backUp(client, { compressionType: 'none' });
    expect(large).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE', retryCount: 0 });
    const target = pathToFileURL(stack.storageDir).href;
    expect(large.errorMessage).toMatch(/needs about \d{7,} bytes; /);
    expect(large.errorMessage).toContain(`${target} has `);
    await expectOnlySmall();
  });

  it.each(['zstd', 'none'] as const)(
    'that fills up while a %s backup is written fails it with INSUFFICIENT_SPACE and keeps what was there',
    async (compressionType) => {
      await start('64m');
      await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'isSlow') });
      await takeSmall();
      const backupId = await client.createBackup({ compressionType });
      await until(async () => (await stack.storedFiles()).some((file) => file.endsWith('.partial')));
      const { bavail, bsize } = await statfs(stack.storageDir);
      await writeFile(path.join(stack.storageDir, 'ballast'), Buffer.alloc(bavail * bsize - 300_000));
      expect(await stack.untilEnded(client, backupId)).toMatchObject({
        status: 'failed',
        errorCode: 'INSUFFICIENT_SPACE',
        retryCount: 0,
      });
      await expectOnlySmall();
    },
  );
});
