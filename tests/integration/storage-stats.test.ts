/** Statistics of the storage: exact at every moment, kept while nothing changes; and changing a backup's record. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupDetail, BackupView } from '@holdfast/contracts/backups';
import type { SettingsView } from '@holdfast/contracts/settings';
import type { StorageStats } from '@holdfast/contracts/storage-stats';
import { type ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(60_000);

describe('storage statistics', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());

  const read = async () => await client.get<StorageStats>('/backups/storage/stats');
  const diskUsage = async () => (await client.get<SettingsView>('/settings')).diskUsage;

  it('say nothing of an empty storage', async () => {
    expect(await read()).toMatchObject({
      totalCount: 0,
      completedCount: 0,
      totalSizeMB: 0,
      maxStorageMB: 102_400,
      usagePercent: 0,
      byType: {},
      bySource: {},
      recommendations: [],
      newestCompletedAt: null,
    });
  });

  it('are right the moment a backup has ended, been deleted or failed, and disk_usage with them', async () => {
    await read();
    const full = await stack.backUp(client);
    expect(await read()).toMatchObject({
      totalCount: 1,
      completedCount: 1,
      totalSizeBytes: full.fileSize,
      totalSizeMB: Math.round((full.fileSize / 1024 / 1024) * 100) / 100,
      byType: { full: 1 },
      bySource: { manual: 1 },
      sizeBytesByType: { full: full.fileSize },
    });
    expect(await diskUsage()).toBe(full.fileSize);
    const schema = await stack.backUp(client, { backupType: 'schema', isProtected: true });
    expect(await read()).toMatchObject({
      completedCount: 2,
      protectedCount: 1,
      totalSizeBytes: full.fileSize + schema.fileSize,
      byType: { full: 1, schema: 1 },
      newestCompletedAt: schema.completedAt,
    });
    expect(await diskUsage()).toBe(full.fileSize + schema.fileSize);
    await client.send('DELETE', `/backups/${full.id}`);
    await stack.untilStatus('admin_backups', full.id, ['deleted']);
    expect(await read()).toMatchObject({
      totalCount: 1,
      totalSizeBytes: schema.fileSize,
      byType: { schema: 1 },
    });
    expect(await diskUsage()).toBe(schema.fileSize);
    const { id: databaseId } = await client.post<{ id: number }>('/databases', {
      name: 'Away',
      host: '127.0.0.1',
      port: 1,
      databaseName: 'away',
      username: 'nobody',
    });
    const failed = await stack.backUp(client, {
      databaseId,
      backupType: 'selective',
      includedTables: ['anything'],
    });
    expect(failed.status).toBe('failed');
    expect(await read()).toMatchObject({ totalCount: 2, failedCount: 1, completedCount: 1 });
    expect(await diskUsage()).toBe(schema.fileSize);
  });

  it('are kept while nothing that they count changes', async () => {
    const before = await read();
    // Behind the back of the trigger: whoever counts again sees it.
    await stack.metadata.query('ALTER TABLE admin_backups DISABLE TRIGGER admin_backups_note_update');
    await stack.metadata.query(
      `UPDATE admin_backups SET backup_type = 'full' WHERE backup_type = 'selective'`,
    );
    await stack.metadata.query('ALTER TABLE admin_backups ENABLE TRIGGER admin_backups_note_update');
    await stack.metadata.query('UPDATE admin_backups SET heartbeat_at = clock_timestamp()');
    expect(await read()).toEqual(before);
    await stack.metadata.query(
      `UPDATE admin_backups SET is_protected = NOT is_protected WHERE status = 'failed'`,
    );
    expect((await read()).byType).toEqual({ full: 1, schema: 1 });
  });

  it('count a thousand rows that come and go at once', async () => {
    const before = await diskUsage();
    await stack.metadata.query(`
      INSERT INTO admin_backups (filename, file_path, display_name, backup_type, source, database_name, database_id, status, file_size,
        checksum_md5, checksum_sha256, manifest, proof_level, completed_at, expires_at)
      SELECT 'bulk' || n, 'p', 'bulk', 'full', 'scheduled', 'd', 1, 'completed', 1000000, 'm', 's', '{}', 'stored', now(), now() - interval '1 day'
      FROM generate_series(1, 1000) n`);
    expect(await diskUsage()).toBe(before + 1_000_000_000);
    await client.send('PUT', '/settings', {
      body: { maxStorageSize: 1_200_000_000, autoCleanupEnabled: false, maxScheduledBackups: 10 },
    });
    const stats = await read();
    expect(stats).toMatchObject({
      expiredCount: 1000,
      bySource: { scheduled: 1000 },
      maxStorageBytes: 1_200_000_000,
    });
    expect(stats.usagePercent).toBeGreaterThan(83);
    expect(stats.recommendations).toEqual([
      expect.stringMatching(/raise max_storage_size/),
      expect.stringMatching(/1000 backups of .* turn auto_cleanup_enabled on/),
      expect.stringMatching(/1000 scheduled backups .* 10 of max_scheduled_backups/),
    ]);
    await stack.metadata.query(`DELETE FROM admin_backups WHERE display_name = 'bulk'`);
    expect(await diskUsage()).toBe(before);
    expect(await stack.metadata.query('SELECT 1 FROM backup_statistics_notes')).toEqual([]);
  });

  it('recommend the setting that failures point to', async () => {
    await stack.metadata.query(`UPDATE admin_backups SET error_code = 'LOCKED' WHERE status = 'failed'`);
    await client.send('PUT', '/settings', { body: { lockWaitTimeout: 42 } });
    expect((await read()).recommendations).toEqual([
      expect.stringMatching(
        /1 of 2 backups of the last 7 days failed, most with LOCKED .* lock_wait_timeout, now 42 s/,
      ),
    ]);
  });

  describe('changing a backup', () => {
    let backup: BackupView;

    beforeAll(async () => {
      backup = await stack.backUp(client, { description: 'first', tags: ['a'] });
    });

    const patch = async <T = BackupView>(body: unknown, id: number | string = backup.id) =>
      await client.send<T>('PATCH', `/backups/${id}`, { body });

    it('changes what is named and nothing else, and the trail says from what to what', async () => {
      const { status, body } = await patch({
        displayName: 'Before the move',
        description: null,
        tags: ['b'],
        isProtected: true,
        expiresAt: '2999-01-01T00:00:00Z',
      });
      expect(status).toBe(200);
      // The answer tells of the row, not of what lies in storage.
      const { file: _file, storedCopies: _copies, ...row } = backup as BackupDetail;
      expect(body).toEqual({
        ...row,
        displayName: 'Before the move',
        description: null,
        tags: ['b'],
        isProtected: true,
        expiresAt: '2999-01-01T00:00:00.000Z',
      });
      expect((await patch({ expiresAt: null })).body).toMatchObject({ expiresAt: null, tags: ['b'] });
      expect(
        await stack.metadata.query(
          `SELECT before, after FROM audit_log WHERE action = 'backup.update' AND subject_id = $1 ORDER BY id LIMIT 1`,
          [String(backup.id)],
        ),
      ).toMatchObject([
        {
          before: { displayName: 'Test', description: 'first', tags: ['a'] },
          after: { description: null, tags: ['b'] },
        },
      ]);
      expect((await client.send('DELETE', `/backups/${backup.id}`)).body).toMatchObject({
        code: 'PROTECTED',
      });
    });

    it.each<[string, object, string]>([
      ['nothing', {}, '/'],
      ['what is in it', { fileSize: 1 }, '/fileSize'],
      ['its status', { status: 'failed' }, '/status'],
      ['a blank name', { displayName: ' ' }, '/displayName'],
      ['null for a name', { displayName: null }, '/displayName'],
      ['10 kB of name', { displayName: 'x'.repeat(10_000) }, '/displayName'],
      ['a name with NUL', { displayName: 'a\0' }, '/displayName'],
      ['a tag that climbs', { tags: ['../x'] }, '/tags/0'],
      ['null for yes or no', { isProtected: null }, '/isProtected'],
      ['a time that is none', { expiresAt: 'tomorrow' }, '/expiresAt'],
      ['a time that is past', { expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ])('refuses %s', async (_what, body, path) => {
      const before = await client.get(`/backups/${backup.id}`);
      const answer = await patch<ProblemAnswer>(body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
      expect(answer.body.errors?.map((error) => error.path)).toContain(path);
      expect(await client.get(`/backups/${backup.id}`)).toEqual(before);
    });

    it('refuses a creation that has expired already', async () => {
      expect(
        await client.send('POST', '/backups', {
          body: { displayName: 'x', expiresAt: '2020-01-01T00:00:00Z' },
        }),
      ).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    });

    it.each(['0', '-1', '9007199254740992', '1e9', 'abc', '2147483647'])('knows no backup %s', async (id) => {
      expect([400, 404]).toContain((await patch({ tags: [] }, id)).status);
    });

    it('is refused for one that is deleted', async () => {
      const gone = await stack.backUp(client);
      await client.send('DELETE', `/backups/${gone.id}`);
      await stack.untilStatus('admin_backups', gone.id, ['deleted']);
      expect(await patch({ tags: [] }, gone.id)).toMatchObject({
        status: 404,
        body: { code: 'BACKUP_NOT_FOUND' },
      });
    });
  });

  it('are for moderators to read, records for admins to change', async () => {
    const statuses = async (who: TestClient) => [
      (await who.send('GET', '/backups/storage/stats')).status,
      (await who.send('PATCH', '/backups/999', { body: { tags: [] } })).status,
    ];
    expect(await statuses(await signInAs(stack, client, 'user'))).toEqual([403, 403]);
    expect(await statuses(await signInAs(stack, client, 'mod'))).toEqual([200, 403]);
    expect(await statuses(await signInAs(stack, client, 'admin'))).toEqual([200, 404]);
    expect(await statuses(new TestClient(client.url, ''))).toEqual([401, 401]);
  });
});
