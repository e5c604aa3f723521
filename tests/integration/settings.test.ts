/** The settings over HTTP: each has its effect at once, without a restart; every way of being refused. */
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { SettingsView, UpdateSettings } from '@holdfast/contracts/settings';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { type ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(90_000);

describe('the settings', () => {
  let stack: TestStack;
  let client: TestClient;
  let defaults: SettingsView;
  let worker: TestProcess;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    defaults = await client.get<SettingsView>('/settings');
    worker = await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());
  afterEach(async () => {
    const {
      storageLocation: _place,
      lastCleanupAt: _at,
      diskUsage: _usage,
      updatedBy: _by,
      updatedAt: _changed,
      ...changeable
    } = defaults;
    await change(changeable);
  });

  const change = async (changes: UpdateSettings): Promise<SettingsView> => {
    const answer = await client.send<SettingsView>('PUT', '/settings', { body: changes });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  /** Another worker in the place of the one that runs; the last test that needs it leaves the real one. */
  const useWorker = async (misbehaviour?: 'isSlow' | 'stallsInTheMiddle'): Promise<void> => {
    await worker.kill();
    worker = await stack.startWorker(
      misbehaviour === undefined
        ? {}
        : { HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, misbehaviour) },
    );
  };
  const register = async (name: string, port: number): Promise<number> => {
    const body = { name, host: '127.0.0.1', port, databaseName: 'x', username: 'x', password: 'x' };
    return (await client.send<{ id: number }>('POST', '/databases', { body })).body.id;
  };

  it('are all there, as the specification has them by default', () => {
    expect(defaults).toMatchObject({
      // As HOLDFAST_STORAGE says, until somebody changes it.
      storageLocation: expect.stringContaining(stack.storageDir),
      maxStorageSize: 107_374_182_400,
      compressionLevel: 6,
      defaultRetentionDays: 30,
      maxManualBackups: 50,
      maxScheduledBackups: 100,
      requireApprovalForRestore: true,
      allowedRestoreRoles: ['admin'],
      allowedBackupRoles: ['admin', 'mod'],
      defaultNotificationEmails: [],
      notifyOnLargeBackups: true,
      largeBackupThresholdMb: 1000,
      connectionTimeout: 30,
      commandTimeout: 3600,
      maxConcurrentOperations: 2,
      cleanupFrequency: 'daily',
      cleanupTime: '02:00',
      autoCleanupEnabled: true,
      lastCleanupAt: null,
      diskUsage: 0,
    });
  });

  it('change field by field, and the audit trail says from what to what, and who', async () => {
    const changed = await change({
      maxRetries: 7,
      cleanupTime: '23:59',
      defaultNotificationEmails: ['dba@example.org'],
    });
    expect(changed).toMatchObject({ maxRetries: 7, cleanupTime: '23:59', compressionLevel: 6 });
    expect(changed.updatedBy).toMatch(/^[0-9a-f-]{36}$/);
    await change({ maxRetries: 7 });
    const lines = await stack.metadata.query(
      `SELECT before, after, actor_name FROM audit_log WHERE action = 'settings.update' ORDER BY id`,
    );
    expect(lines).toEqual([
      {
        before: { maxRetries: 3, cleanupTime: '02:00', defaultNotificationEmails: [] },
        after: { maxRetries: 7, cleanupTime: '23:59', defaultNotificationEmails: ['dba@example.org'] },
        actor_name: 'admin',
      },
    ]);
  });

  it.each<[string, object | string, string]>([
    ['nothing', {}, '/'],
    ['an unknown field', { maxRetires: 3 }, '/maxRetires'],
    ['a field that is not for changing', { diskUsage: 0 }, '/diskUsage'],
    ['null for a number', { maxRetries: null }, '/maxRetries'],
    ['text for a number', { maxRetries: '3' }, '/maxRetries'],
    ['text for yes or no', { autoCleanupEnabled: 'no' }, '/autoCleanupEnabled'],
    ['a fraction', { maxRetries: 1.5 }, '/maxRetries'],
    ['compression level 0', { compressionLevel: 0 }, '/compressionLevel'],
    ['compression level 10', { compressionLevel: 10 }, '/compressionLevel'],
    ['no operation at once', { maxConcurrentOperations: 0 }, '/maxConcurrentOperations'],
    ['no time to connect', { connectionTimeout: 0 }, '/connectionTimeout'],
    ['a size beyond counting', { maxStorageSize: 2 ** 53 }, '/maxStorageSize'],
    ['a size of a few bytes', { maxStorageSize: 100 }, '/maxStorageSize'],
    ['24:00', { cleanupTime: '24:00' }, '/cleanupTime'],
    ['2:00', { cleanupTime: '2:00' }, '/cleanupTime'],
    ['monthly cleanup', { cleanupFrequency: 'monthly' }, '/cleanupFrequency'],
    ['a role that does not exist', { allowedBackupRoles: ['root'] }, '/allowedBackupRoles/0'],
    ['the role that may do nothing', { allowedRestoreRoles: ['user'] }, '/allowedRestoreRoles/0'],
    ['a role twice', { allowedBackupRoles: ['mod', 'mod'] }, '/allowedBackupRoles'],
    ['an address that is none', { defaultNotificationEmails: ['dba'] }, '/defaultNotificationEmails/0'],
    ['a relative folder', { storageLocation: 'backups' }, '/storageLocation'],
    ['credentials in a URL', { storageLocation: 's3://key:secret@bucket/x' }, '/storageLocation'],
    ['another protocol', { storageLocation: 'https://bucket/x' }, '/storageLocation'],
    ['a folder with NUL', { storageLocation: '/a\0' }, '/storageLocation'],
    ['10 kB of folder', { storageLocation: `/${'x'.repeat(10_000)}` }, '/storageLocation'],
    ['a prototype', '{"__proto__": {"maxRetries": 1}}', '/'],
  ])('refuse %s by name, and stay as they are', async (_what, body, path) => {
    const before = await stack.metadata.query(
      `SELECT to_jsonb(settings) - 'last_cleanup_at' AS settings FROM backup_settings settings`,
    );
    const answer = await client.send<ProblemAnswer>('PUT', '/settings', { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(answer.body.remediation).not.toBe('');
    if (typeof body !== 'string') {
      expect(answer.body.errors?.map((error) => error.path)).toContain(path);
    }
    expect(
      await stack.metadata.query(
        `SELECT to_jsonb(settings) - 'last_cleanup_at' AS settings FROM backup_settings settings`,
      ),
    ).toEqual(before);
  });

  it('are read by admins and written by super-admins alone', async () => {
    const statuses = async (who: TestClient) => [
      (await who.send('GET', '/settings')).status,
      (await who.send('PUT', '/settings', { body: {} })).status,
    ];
    expect(await statuses(client)).toEqual([200, 400]);
    expect(await statuses(await signInAs(stack, client, 'admin'))).toEqual([200, 403]);
    expect(await statuses(await signInAs(stack, client, 'mod'))).toEqual([403, 403]);
    expect(await statuses(new TestClient(client.url, ''))).toEqual([401, 401]);
  });

  describe('take effect with the next use:', () => {
    it('allowed_backup_roles', async () => {
      const mod = await signInAs(stack, client, 'mod');
      const ask = async () => (await mod.send('POST', '/backups', { body: { displayName: '' } })).status;
      expect(await ask()).toBe(400);
      await change({ allowedBackupRoles: ['admin'] });
      expect(await ask()).toBe(403);
      await change({ allowedBackupRoles: [] });
      expect((await client.send('POST', '/backups', { body: { displayName: '' } })).status).toBe(400);
    });

    it('compression_level', async () => {
      await change({ compressionLevel: 1 });
      const fast = await stack.backUp(client);
      await change({ compressionLevel: 9 });
      const small = await stack.backUp(client);
      expect([fast.compressionLevel, small.compressionLevel]).toEqual([1, 9]);
      expect(small.fileSize).toBeLessThan(fast.fileSize);
    });

    it('default_retention_days, which says when a backup expires that was asked for without a time', async () => {
      const daysOf = ({ createdAt, expiresAt }: BackupView) =>
        expiresAt === null ? null : Math.round((Date.parse(expiresAt) - Date.parse(createdAt)) / 86_400_000);
      const create = async (input = {}) =>
        await client.get<BackupView>(`/backups/${await client.createBackup(input)}`);
      expect(daysOf(await create())).toBe(30);
      await change({ defaultRetentionDays: 7 });
      expect(daysOf(await create())).toBe(7);
      expect((await create({ expiresAt: '2999-01-01T00:00:00Z' })).expiresAt).toBe(
        '2999-01-01T00:00:00.000Z',
      );
      expect((await create({ expiresAt: null })).expiresAt).toBeNull();
      await change({ defaultRetentionDays: 0 });
      expect((await create()).expiresAt).toBeNull();
    });

    it('notify_on_large_backups and large_backup_threshold_mb, as a warning on the backup and a line of the trail', async () => {
      const noted = async (id: number) =>
        await stack.metadata.query(
          `SELECT after FROM audit_log WHERE action = 'backup.large' AND subject_id = $1`,
          [String(id)],
        );
      const small = await stack.backUp(client, { compressionType: 'none' });
      expect(small.metadata).not.toHaveProperty('isLarge');
      await change({ largeBackupThresholdMb: 1 });
      const large = await stack.backUp(client, { compressionType: 'none' });
      expect(large.fileSize).toBeGreaterThan(1024 * 1024);
      expect(large.metadata).toMatchObject({
        isLarge: true,
        warnings: [expect.stringMatching(/more than the 1\.0 MiB of large_backup_threshold_mb/)],
      });
      expect(await noted(large.id)).toEqual([
        { after: { sizeBytes: large.fileSize, largeBackupThresholdMb: 1 } },
      ]);
      await change({ notifyOnLargeBackups: false });
      const silent = await stack.backUp(client, { compressionType: 'none' });
      expect(silent.metadata).not.toHaveProperty('isLarge');
      expect(await noted(silent.id)).toEqual([]);
    });

    it('connection_timeout, against a server that accepts and says nothing; then max_retries and retry_delay', async () => {
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      silent.unref();
      const { port } = silent.address() as { port: number };
      await change({ connectionTimeout: 1, maxRetries: 2, retryDelay: 0 });
      const databaseId = await register('silent', port);
      const failed = await stack.backUp(client, { databaseId });
      expect(failed).toMatchObject({ status: 'failed', errorCode: 'CONNECTION_FAILED', retryCount: 2 });
      await change({ maxRetries: 1, retryDelay: 3600 });
      const waiting = await client.createBackup({ databaseId });
      const [row] = await until(async () => {
        const rows = await stack.metadata.query<{ seconds: number }>(
          `SELECT EXTRACT(EPOCH FROM not_before - clock_timestamp())::float8 AS seconds FROM admin_backups
           WHERE id = $1 AND status = 'pending' AND retry_count = 1`,
          [waiting],
        );
        return rows.length > 0 && rows;
      });
      // The first delay lies between half and all of it.
      expect(row?.seconds).toBeGreaterThan(1_700);
      expect(row?.seconds).toBeLessThanOrEqual(3_600);
      await client.post(`/backups/${waiting}/cancel`);
      await change({ maxRetries: 0 });
      expect(await stack.backUp(client, { databaseId })).toMatchObject({ status: 'failed', retryCount: 0 });
      silent.close();
    });

    it('lock_wait_timeout', async () => {
      await change({ lockWaitTimeout: 1, maxRetries: 0 });
      const holder = stack.target?.query(
        'BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)',
      );
      holder?.catch(() => undefined);
      await until(
        async () =>
          (
            (await stack.target?.query(
              `SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'posts'::regclass`,
            )) ?? []
          ).length > 0,
      );
      expect(await stack.backUp(client)).toMatchObject({ status: 'failed', errorCode: 'LOCKED' });
      await stack.target?.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND datname = current_database() AND pid <> pg_backend_pid()`,
      );
    });

    it('max_concurrent_operations', async () => {
      await useWorker('isSlow');
      await change({ maxConcurrentOperations: 1 });
      const ids = await Promise.all([1, 2, 3].map(() => client.createBackup({ compressionType: 'zstd' })));
      let most = 0;
      await until(async () => {
        const [counts] = await stack.metadata.query<{ running: number; left: number }>(
          `SELECT count(*) FILTER (WHERE status = 'running')::int AS running, count(*) FILTER (WHERE status IN ('pending', 'running'))::int AS left
           FROM admin_backups WHERE id = ANY ($1)`,
          [ids],
        );
        most = Math.max(most, counts?.running ?? 0);
        return counts?.left === 0;
      });
      expect(most).toBe(1);
    });

    it('command_timeout', async () => {
      await change({ commandTimeout: 1, maxRetries: 0 });
      expect(await stack.backUp(client, { compressionType: 'zstd' })).toMatchObject({
        status: 'failed',
        errorCode: 'TIMEOUT',
      });
    });

    it('stall_timeout', async () => {
      await useWorker('stallsInTheMiddle');
      await change({ stallTimeout: 1, maxRetries: 0 });
      expect(await stack.backUp(client, { compressionType: 'zstd' })).toMatchObject({
        status: 'failed',
        errorCode: 'STALLED',
      });
      await useWorker();
    });
  });
});
