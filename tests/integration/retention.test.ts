/** Cleaning up: what expired or is more than the settings keep goes, by the same plan as the preview; the last good backup never does. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { CleanupResult, RetentionPreview } from '@holdfast/contracts/retention';
import type { SettingsView, UpdateSettings } from '@holdfast/contracts/settings';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(120_000);

describe('cleaning up', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeEach(async () => {
    stack = await TestStack.create({ target: 'template0' });
    ({ client } = await stack.startApi());
  });
  afterEach(async () => await stack.destroy());

  async function backUp(count: number): Promise<BackupView[]> {
    const backups: BackupView[] = [];
    for (let made = 0; made < count; made += 1) {
      backups.push(await stack.backUp(client));
    }
    expect(backups.map(({ status }) => status)).toEqual(backups.map(() => 'completed'));
    return backups;
  }
  const set = async (settings: UpdateSettings): Promise<void> => {
    expect(await client.send('PUT', '/settings', { body: settings })).toMatchObject({ status: 200 });
  };
  const expire = async (...backups: BackupView[]): Promise<void> => {
    await stack.metadata.query(
      `UPDATE admin_backups SET expires_at = now() - interval '1 day' WHERE id = ANY ($1)`,
      [backups.map(({ id }) => id)],
    );
  };
  const preview = async (): Promise<RetentionPreview> =>
    await client.get<RetentionPreview>('/storage/retention-preview');
  const removable = async (): Promise<[number, string][]> =>
    (await preview()).items.map(({ backupId, rule }) => [backupId, rule]);
  const idOf = ({ id }: BackupView): number => id;
  const statusesOf = async (backups: readonly BackupView[]): Promise<string[]> =>
    (
      await stack.metadata.query<{ status: string }>(
        'SELECT status FROM admin_backups WHERE id = ANY ($1) ORDER BY id',
        [backups.map(idOf)],
      )
    ).map(({ status }) => status);

  it('follows the preview to the letter: what expired, and what is more than is kept, the oldest first', async () => {
    await stack.startWorker();
    await set({ autoCleanupEnabled: false });
    const backups = await backUp(5);
    const [first, second, third, fourth, fifth] = backups as [
      BackupView,
      BackupView,
      BackupView,
      BackupView,
      BackupView,
    ];
    expect(await preview()).toEqual({ items: [], sizeBytes: 0, nextCleanupAt: null });
    await expire(second, fifth);
    // The newest has expired too, and nothing replaces it.
    expect(await removable()).toEqual([[second.id, 'expires_at']]);
    await set({ maxManualBackups: 3 });
    const planned = await preview();
    expect(planned.items.map(({ backupId, rule }) => [backupId, rule])).toEqual([
      [first.id, 'max_manual_backups'],
      [second.id, 'expires_at'],
    ]);
    expect(planned.items[0]?.reason).toBe(
      '5 good manual backups are as new or newer, this one included; max_manual_backups keeps 3.',
    );
    expect(planned.sizeBytes).toBe(first.fileSize + second.fileSize);
    await client.send('PATCH', `/backups/${first.id}`, { body: { isProtected: true } });
    expect(await removable()).toEqual([[second.id, 'expires_at']]);
    await client.send('PATCH', `/backups/${first.id}`, { body: { isProtected: false } });

    const { items } = await preview();
    expect(await client.post<CleanupResult>('/storage/cleanup')).toEqual({
      removed: items,
      kept: [],
      sizeBytes: first.fileSize + second.fileSize,
    });
    await until(async () => (await statusesOf([first, second])).every((status) => status === 'deleted'));
    expect(await statusesOf([third, fourth, fifth])).toEqual(['completed', 'completed', 'completed']);
    expect(await stack.storedFiles()).toEqual(
      [third, fourth, fifth].flatMap(({ filePath }) => [filePath, `${filePath}.manifest.json`]).sort(),
    );
    expect(await preview()).toMatchObject({ items: [] });
    expect((await client.get<SettingsView>('/settings')).lastCleanupAt).not.toBeNull();
  });

  it('never takes the last good one, however many bad ones are newer', async () => {
    await stack.startWorker();
    await set({ autoCleanupEnabled: false, maxManualBackups: 1 });
    const backups = await backUp(4);
    const [oldest, good, damaged, suspect] = backups as [BackupView, BackupView, BackupView, BackupView];
    await stack.metadata.query(
      `UPDATE admin_backups SET damaged_at = now(), damage = 'for the test' WHERE id = $1`,
      [damaged.id],
    );
    await stack.metadata.query(
      `UPDATE admin_backups SET anomalies = '[{"kind": "rows", "sentence": "for the test"}]' WHERE id = $1`,
      [suspect.id],
    );
    expect(await removable()).toEqual([[oldest.id, 'max_manual_backups']]);
    await expire(...backups);
    expect(await removable()).toEqual([[oldest.id, 'expires_at']]);
    await client.post('/storage/cleanup');
    expect(await statusesOf([good, damaged, suspect])).toEqual(['completed', 'completed', 'completed']);
  });

  it('passes by what is in use, and says so', async () => {
    const worker = await stack.startWorker();
    await set({ autoCleanupEnabled: false, maxManualBackups: 1 });
    const [old] = (await backUp(2)) as [BackupView];
    await worker.stop();
    await client.post(`/backups/${old.id}/verify`);
    expect(await client.post<CleanupResult>('/storage/cleanup')).toMatchObject({
      removed: [],
      kept: [{ backupId: old.id, reason: expect.stringMatching(/^Verification .* uses backup/) }],
    });
    expect(await statusesOf([old])).toEqual(['completed']);
  });

  it('happens by itself when it is due, once, and not while auto_cleanup_enabled is off', async () => {
    const worker = await stack.startWorker();
    await set({ autoCleanupEnabled: false });
    const [first, second] = (await backUp(3)) as [BackupView, BackupView];
    await expire(first, second);
    await stack.metadata.query(`UPDATE backup_settings SET last_cleanup_at = now() - interval '8 days'`);
    // Several passes of the loop go by meanwhile.
    await backUp(1);
    expect(await statusesOf([first, second])).toEqual(['completed', 'completed']);
    await set({ autoCleanupEnabled: true, cleanupFrequency: 'weekly' });
    await until(async () => (await statusesOf([first, second])).every((status) => status === 'deleted'));
    await worker.find(({ msg }) => msg === 'cleaned up');
    // Not due again before next week.
    const [third] = (await backUp(2)) as [BackupView];
    await expire(third);
    await backUp(1);
    expect(await statusesOf([third])).toEqual(['completed']);
    expect((await preview()).nextCleanupAt).toMatch(/T02:00:00.000Z$/);
  });

  it('that lost its worker in the middle is done by the next one, from where it stands', async () => {
    const first = await stack.startWorker();
    await set({ autoCleanupEnabled: false });
    const backups = await backUp(4);
    await expire(...backups.slice(0, 3));
    await first.stop();
    await stack.metadata.query('UPDATE backup_settings SET last_cleanup_at = NULL');
    const dying = await stack.startWorker({ TEST_FREEZE_AT: 'cleanup-removed' });
    await set({ autoCleanupEnabled: true });
    await dying.reached('cleanup-removed');
    await dying.kill();
    const [{ left }] = (await stack.metadata.query<{ left: number }>(
      `SELECT count(*)::int AS left FROM admin_backups WHERE status = 'completed'`,
    )) as [{ left: number }];
    expect(left).toBe(3);
    await stack.startWorker();
    await until(async () => (await statusesOf(backups.slice(0, 3))).every((status) => status === 'deleted'));
    expect(await statusesOf(backups.slice(3))).toEqual(['completed']);
  });

  it('is previewed by moderators, and done by admins', async () => {
    const mod = await signInAs(stack, client, 'mod');
    expect(await mod.send('GET', '/storage/retention-preview')).toMatchObject({ status: 200 });
    expect(await mod.send('POST', '/storage/cleanup')).toMatchObject({ status: 403 });
  });
});
