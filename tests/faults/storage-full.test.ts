/** The storage fills up in the middle of a backup: the right code, nothing half-written, earlier backups untouched. */
import { mkdir } from 'node:fs/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { runCommand } from '@holdfast/platform/process/run-command';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

const isRoot = process.getuid?.() === 0;
const title = isRoot ? 'a full file system' : 'a full file system (needs root, to mount a small tmpfs)';

(isRoot ? describe : describe.skip)(title, () => {
  it.each(['zstd', 'none'] as const)(
    'fails a %s backup with INSUFFICIENT_SPACE and leaves what was there',
    async (compressionType) => {
      const stack = await TestStack.create();
      await mkdir(stack.storageDir);
      await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', stack.storageDir]);
      try {
        const { client } = await stack.startApi();
        await stack.startWorker();
        const small = await stack.backUp(client, { backupType: 'schema', compressionType: 'zstd' });
        expect(small.status).toBe('completed');
        const large = await stack.backUp(client, { compressionType });
        expect(large).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE', retryCount: 0 });
        expect(await stack.storedFiles()).toEqual([small.filePath, `${small.filePath}.manifest.json`]);
        expect((await runCommand('sha256sum', [stack.storedPath(small)])).slice(0, 64)).toBe(
          small.checksumSha256,
        );
      } finally {
        await Promise.all(stack.processes.map((process) => process.kill()));
        await runCommand('umount', [stack.storageDir]);
        await stack.destroy();
      }
    },
  );
});
