/** Space is looked at before a byte is written: quota, free space, what others are writing; and room is made of what has expired. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

describe('a backup', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeEach(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
  });
  afterEach(async () => await stack.destroy());

  const setQuota = async (bytes: number): Promise<void> => {
    await stack.metadata.query('UPDATE backup_settings SET max_storage_size = $1', [bytes]);
  };
  const expire = async (...backups: BackupView[]): Promise<void> => {
    await stack.metadata.query(
      `UPDATE admin_backups SET expires_at = now() - interval '1 day' WHERE id = ANY ($1)`,
      [backups.map(({ id }) => id)],
    );
  };
  const statuses = async (): Promise<string[]> =>
    (await stack.metadata.query<{ status: string }>('SELECT status FROM admin_backups ORDER BY id')).map(
      ({ status }) => status,
    );
  const estimateOf = async ({ id }: Pick<BackupView, 'id'>): Promise<number> =>
    Number(
      (
        await stack.metadata.query<{ bytes: string }>(
          'SELECT estimated_bytes AS bytes FROM admin_backups WHERE id = $1',
          [id],
        )
      )[0]?.bytes,
    );

  it('that the quota has no room for fails before a byte is written and names both figures', async () => {
    await stack.startWorker();
    await setQuota(1_000);
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE', retryCount: 0 });
    expect(backup.errorMessage).toMatch(
      /needs about [1-9]\d{5,} bytes; of the 1000 of max_storage_size 1000 are left/,
    );
    expect(await stack.storedFiles()).toEqual([]);
  });

  it('is estimated by the ratio that the last one with this compression reached', async () => {
    await stack.startWorker();
    const first = await stack.backUp(client, { compressionType: 'zstd' });
    const second = await stack.backUp(client, { compressionType: 'zstd' });
    expect(await estimateOf(second)).toBeGreaterThan(first.fileSize * 0.95);
    expect(await estimateOf(second)).toBeLessThan(first.fileSize * 1.05);
    const uncompressed = await stack.backUp(client, { compressionType: 'none' });
    expect(await estimateOf(uncompressed)).toBeGreaterThan((first.uncompressedSize as number) * 0.95);
    expect(await estimateOf(uncompressed)).toBeLessThan((first.uncompressedSize as number) * 1.05);
  });

  it('counts what another is about to write', async () => {
    const slow = await stack.startWorker({ TEST_PAUSE_AT: 'backup-written' });
    const first = await client.createBackup({ compressionType: 'zstd' });
    await slow.reached('backup-written');
    const expected = await estimateOf({ id: first });
    await setQuota(expected + 1_000);
    await stack.startWorker();
    const second = await stack.backUp(client, { compressionType: 'zstd' });
    expect(second).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE' });
    expect(second.errorMessage).toContain(`${expected + 1_000} of max_storage_size 1000 are left`);
  });

  it('makes room of what has expired: the oldest first, no more than needed, and nothing that is still wanted', async () => {
    await stack.startWorker();
    const backups: BackupView[] = [];
    for (let made = 0; made < 5; made += 1) {
      backups.push(await stack.backUp(client, { compressionType: 'zstd', isProtected: made === 0 }));
    }
    const [isProtected, drilled, oldest, next, newest] = backups as [
      BackupView,
      BackupView,
      BackupView,
      BackupView,
      BackupView,
    ];
    await stack.metadata.query(
      `INSERT INTO drills (backup_id, status, not_before) VALUES ($1, 'pending', now() + interval '1 hour')`,
      [drilled.id],
    );
    await expire(...backups);
    const used = backups.reduce((sum, { fileSize }) => sum + fileSize, 0);
    await setQuota(used + Math.round(oldest.fileSize / 2));
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({ status: 'completed', errorCode: null });
    expect(await statuses()).toEqual([
      'completed',
      'completed',
      'deleted',
      'completed',
      'completed',
      'completed',
    ]);
    const stored = await stack.storedFiles();
    expect(stored).not.toContain(oldest.filePath);
    for (const { filePath } of [isProtected, drilled, next, newest, backup]) {
      expect(stored).toContain(filePath);
    }
    expect(
      await stack.metadata.query(
        `SELECT action, actor_name AS by FROM audit_log WHERE subject_id = $1 AND action LIKE 'backup.delete%' ORDER BY id`,
        [String(oldest.id)],
      ),
    ).toEqual([
      { action: 'backup.delete', by: 'holdfast' },
      { action: 'backup.deleted', by: 'holdfast' },
    ]);
  });

  it('fails rather than take the newest good one of its database, however long ago it expired', async () => {
    await stack.startWorker();
    const only = await stack.backUp(client, { compressionType: 'zstd' });
    await expire(only);
    await setQuota(only.fileSize + 1_000);
    expect(await stack.backUp(client, { compressionType: 'zstd' })).toMatchObject({
      status: 'failed',
      errorCode: 'INSUFFICIENT_SPACE',
    });
    expect(await statuses()).toEqual(['completed', 'failed']);
    expect(await stack.storedFiles()).toContain(only.filePath);
  });
});
