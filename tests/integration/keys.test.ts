/** Whether somebody still opens the encrypted backups: with the right identity, a wrong one and none; over HTTP and by the command. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { KeyCheckRequest, KeyReport } from '@holdfast/contracts/keys';
import { createAgeKey } from '@holdfast/testkit/age-keys';
import { runCli } from '@holdfast/testkit/run-cli';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(120_000);

describe('the keys of encrypted backups', () => {
  let stack: TestStack;
  let client: TestClient;
  let own: Awaited<ReturnType<typeof createAgeKey>>;
  let other: typeof own;
  let backup: BackupView;

  const report = async () => await client.get<KeyReport>('/keys');
  const check = async (): Promise<KeyCheckRequest> => {
    const { requestId } = await client.post<{ requestId: string }>('/keys/check');
    return await until(async () => {
      const request = await client.get<KeyCheckRequest>(`/keys/checks/${requestId}`);
      return request.status !== 'pending' && request;
    });
  };
  const command = async (...args: string[]) =>
    await runCli(['keys', 'check', ...args], { HOLDFAST_URL: client.url, HOLDFAST_TOKEN: client.token });

  beforeAll(async () => {
    [own, other] = [await createAgeKey(), await createAgeKey()];
    stack = await TestStack.create({
      settings: { max_retries: 0 },
      env: { HOLDFAST_ENCRYPTION_RECIPIENTS: own.recipient },
    });
    ({ client } = await stack.startApi());
    const worker = await stack.startWorker();
    await stack.backUp(client, { encryptionRecipients: [] });
    await stack.backUp(client, { backupType: 'schema' });
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await worker.stop();
  });
  afterAll(async () => await stack.destroy());

  it('are unproven while no worker has an identity, and a check says so instead of waiting for ever', async () => {
    const worker = await stack.startWorker();
    const { requestId } = await client.post<{ requestId: string }>('/keys/check');
    expect(await client.get<KeyCheckRequest>(`/keys/checks/${requestId}`)).toMatchObject({
      status: 'pending',
      workerId: null,
    });
    await stack.metadata.query(
      `UPDATE key_check_requests SET created_at = created_at - interval '2 minutes' WHERE request_id = $1`,
      [requestId],
    );
    const failed = await until(async () => {
      const request = await client.get<KeyCheckRequest>(`/keys/checks/${requestId}`);
      return request.status !== 'pending' && request;
    });
    expect(failed).toMatchObject({ status: 'failed', errorCode: 'INVALID_CONFIG', checks: [] });
    expect(failed.errorRemediation).toContain('HOLDFAST_ENCRYPTION_IDENTITY');
    expect(await report()).toEqual({
      configuredRecipients: [own.recipient],
      recipientSets: [
        {
          recipients: [own.recipient],
          isConfigured: true,
          newestBackupId: backup.id,
          newestCheck: null,
          finding: expect.objectContaining({ severity: 'warning' }),
        },
      ],
    });
    await worker.stop();
  });

  it('are found lost by the start of a worker with a wrong identity: in its log, in the report, by the command', async () => {
    const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: other.identity });
    await worker.find(({ msg }) => msg?.includes('can not open the newest backup') === true);
    const found = (await until(async () => {
      const [set] = (await report()).recipientSets;
      return set?.newestCheck !== null && set;
    })) as KeyReport['recipientSets'][number];
    expect(found).toMatchObject({
      newestCheck: { backupId: backup.id, isOpened: false, errorCode: 'INVALID_CONFIG' },
      finding: { severity: 'critical', remediation: expect.stringContaining('HOLDFAST_ENCRYPTION_IDENTITY') },
    });
    expect(await check()).toMatchObject({
      status: 'completed',
      checks: [{ backupId: backup.id, isOpened: false }],
    });
    const { exitCode, stdout } = await command();
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`NO      ${backup.id}`);
    await worker.stop();
  });

  it('are proven by the start of a worker with the right identity, by a request and by the command', async () => {
    const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: own.identity });
    await until(async () => (await report()).recipientSets[0]?.newestCheck?.isOpened);
    expect((await report()).recipientSets[0]?.finding).toBeNull();
    const request = await check();
    expect(request).toMatchObject({
      status: 'completed',
      checks: [{ recipients: [own.recipient], backupId: backup.id, isOpened: true, errorCode: null }],
    });
    const shown = await command();
    expect(shown).toMatchObject({ exitCode: 0 });
    expect(shown.stdout).toContain(`yes     ${backup.id}`);
    const { exitCode, stdout } = await command('--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', checks: [{ isOpened: true }] });
    const secret = own.identity.trim();
    const rows = await stack.metadata.query('SELECT to_jsonb(k) AS row FROM key_checks k');
    expect(JSON.stringify([rows, ...stack.processes.map(({ lines }) => lines)])).not.toContain(secret);
    await worker.stop();
  });

  it('are tried on the file: one whose beginning is damaged, or that is gone, is not opened by the right key', async () => {
    const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: own.identity });
    const file = stack.storedPath(backup);
    const bytes = await readFile(file);
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(1_000) ^ 1, 1_000);
    await writeFile(file, damaged);
    expect((await check()).checks).toMatchObject([{ isOpened: false, errorCode: 'FILE_CORRUPTION' }]);
    await writeFile(file, bytes);
    await rename(file, `${file}.away`);
    expect((await check()).checks).toMatchObject([{ isOpened: false, errorCode: 'BACKUP_NOT_FOUND' }]);
    await rename(`${file}.away`, file);
    expect((await check()).checks).toMatchObject([{ isOpened: true }]);
    await worker.stop();
  });

  it('are checked for each set of recipients, whatever their order', async () => {
    const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: other.identity });
    await stack.backUp(client, { encryptionRecipients: [own.recipient, other.recipient] });
    const both = await stack.backUp(client, { encryptionRecipients: [other.recipient, own.recipient] });
    const { checks } = await check();
    expect(checks).toHaveLength(2);
    expect(checks).toContainEqual(
      expect.objectContaining({
        recipients: [own.recipient, other.recipient].sort(),
        backupId: both.id,
        isOpened: true,
      }),
    );
    expect(checks).toContainEqual(expect.objectContaining({ recipients: [own.recipient], isOpened: false }));
    await worker.stop();
  });

  it('are for admins, and a command that may not do it says so by its exit status', async () => {
    const mod = await signInAs(stack, client, 'mod');
    expect((await mod.send('GET', '/keys')).status).toBe(403);
    expect((await mod.send('POST', '/keys/check', { body: {} })).status).toBe(403);
    const asMod = { HOLDFAST_URL: client.url, HOLDFAST_TOKEN: mod.token };
    expect(await runCli(['keys', 'check'], asMod)).toMatchObject({ exitCode: 3 });
    expect(await runCli(['keys', 'check'], { HOLDFAST_URL: client.url })).toMatchObject({ exitCode: 3 });
    expect((await client.send('GET', '/keys/checks/00000000-0000-4000-8000-000000000000')).status).toBe(404);
  });
});
