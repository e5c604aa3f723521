/** A verification as an operation: accepted, run by a worker, recorded on the backup, cancelled, refused. */
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('a verification', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => {
    backup = await stack.backUp(client, { compressionType: 'zstd' });
  });

  const flipBit = async (file: string, at: number): Promise<void> => {
    const handle = await open(file, 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ 1;
    await handle.write(byte, 0, 1, at);
    await handle.close();
  };

  it('of an untouched backup reads everything, raises its proof, and never lowers it', async () => {
    const socket = client.connect();
    const events: string[] = [];
    await client.subscribe(socket, { kind: 'operations' });
    socket.on('progress', (progress) => events.push(`${progress.kind}:${progress.status}`));
    const verification = await stack.verify(client, backup.id);
    expect(verification).toMatchObject({
      status: 'completed',
      backupId: backup.id,
      result: {
        md5: backup.checksumMd5,
        sha256: backup.checksumSha256,
        sizeBytes: backup.fileSize,
        tablesCompared: 17,
      },
    });
    expect(verification.result?.rowsCompared).toBeGreaterThan(10_000);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      proofLevel: 'listed',
      damagedAt: null,
    });
    expect(await client.get(`/verifications/${verification.operationId}/progress`)).toMatchObject({
      kind: 'verify',
      status: 'completed',
      progressPercent: 100,
    });
    expect(events).toEqual(expect.arrayContaining(['verify:running', 'verify:completed']));
    socket.disconnect();

    await stack.drill(client, backup.id);
    const { provedAt } = await client.get<BackupView>(`/backups/${backup.id}`);
    await stack.verify(client, backup.id);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ proofLevel: 'restored', provedAt });
    expect(await client.get(`/verifications?backupId=${backup.id}`)).toMatchObject({
      items: [{ status: 'completed' }, { operationId: verification.operationId }],
      pagination: { total: 2 },
    });
  });

  it('of a damaged file fails, says where, and marks the backup until it is whole again', async () => {
    const file = stack.storedPath(backup);
    const right = await readFile(file);
    for (const at of [10, Math.floor(right.length / 2), right.length - 2]) {
      await writeFile(file, right);
      await flipBit(file, at);
      expect(await stack.verify(client, backup.id)).toMatchObject({
        status: 'failed',
        errorCode: 'FILE_CORRUPTION',
        errorMessage: expect.stringMatching(new RegExp(`${backup.filename}.*(offset|behind|public\\.)`, 's')),
        result: null,
      });
      expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
        status: 'completed',
        proofLevel: 'stored',
        damagedAt: expect.stringMatching(/T/),
        damage: expect.stringContaining('SHA-256'),
      });
    }
    await rm(file);
    expect(await stack.verify(client, backup.id)).toMatchObject({
      status: 'failed',
      errorCode: 'BACKUP_NOT_FOUND',
    });
    await writeFile(file, right);
    await stack.verify(client, backup.id);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      proofLevel: 'listed',
      damagedAt: null,
      damage: null,
    });
  });

  it('can be cancelled while it waits', async () => {
    await stack.metadata.query('UPDATE backup_settings SET max_concurrent_operations = 1');
    await stack.metadata.query(
      `INSERT INTO drills (backup_id, status, worker_id, heartbeat_at, attempt) VALUES ($1, 'running', 'nobody', now(), 1)`,
      [backup.id],
    );
    const { operationId } = await client.post<{ operationId: string }>(`/backups/${backup.id}/verify`);
    const cancelled = await client.send('POST', `/verifications/${operationId}/cancel`);
    await stack.untilStatus('verifications', operationId, ['completed', 'failed', 'cancelled']);
    // The drill that nobody runs is put aside after a lease: then the verification may have been quicker.
    if (cancelled.status === 202) {
      expect(await client.get(`/verifications/${operationId}`)).toMatchObject({ errorCode: 'CANCELLED' });
    }
    await stack.metadata.query('UPDATE backup_settings SET max_concurrent_operations = 2');
  });

  it('holds the backup: deleting it is refused meanwhile', async () => {
    await stack.metadata.query(
      `INSERT INTO verifications (backup_id, status, not_before) VALUES ($1, 'pending', now() + interval '1 hour')`,
      [backup.id],
    );
    expect(await client.send('DELETE', `/backups/${backup.id}`)).toMatchObject({
      status: 409,
      body: { code: 'IN_USE' },
    });
  });

  it('of a backup that is not completed, or not there, or by somebody without the right is refused', async () => {
    const [row] = await stack.metadata.query<{ id: number }>(
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status) VALUES ('x', 'x', 'x', 'x', 1, 'failed') RETURNING id`,
    );
    expect(await client.send('POST', `/backups/${row?.id}/verify`)).toMatchObject({
      status: 409,
      body: { code: 'IN_USE' },
    });
    for (const id of ['999999', '2147483648', '9999999999']) {
      expect(await client.send('POST', `/backups/${id}/verify`)).toMatchObject({
        body: { code: 'BACKUP_NOT_FOUND' },
      });
    }
    await stack.metadata.query(
      `INSERT INTO users (email, username, role, password_hash) SELECT 'mod@example.org', 'mod-user', 'mod', password_hash FROM users WHERE role = 'super-admin'`,
    );
    const mod = await TestClient.signIn(client.url, 'mod@example.org', 'correct horse battery');
    expect(await mod.send('POST', `/backups/${backup.id}/verify`)).toMatchObject({ status: 403 });
    expect(await mod.send('GET', '/verifications')).toMatchObject({ status: 200 });
  });
});
