/** One dump, several destinations: folders and a bucket get the same bytes, each with a state, proof and end of its own. */
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupDetail, BackupView } from '@holdfast/contracts/backups';
import type { BackupCopyView } from '@holdfast/contracts/copies';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { filesIn, TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

const bucket = 'copies';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('a backup with copies', () => {
  let server: TestS3Server;
  let stack: TestStack;
  let client: TestClient;
  let second: string;
  let remote: string;

  beforeAll(async () => {
    server = await TestS3Server.start(bucket);
  });
  afterAll(async () => await server.stop());
  beforeEach(async () => {
    stack = await TestStack.create({ env: { ...s3Credentials, S3_ENDPOINT: server.url } });
    ({ client } = await stack.startApi());
    second = path.join(stack.folder, 'second');
    remote = `s3://${bucket}/holdfast`;
    expect(await client.send('PUT', '/settings', { body: { copies: [second, remote] } })).toMatchObject({
      status: 200,
    });
  });
  afterEach(async () => {
    await stack.destroy();
    server.empty(bucket);
  });

  const copiesOf = async (id: number): Promise<BackupCopyView[]> =>
    (await client.get<{ items: BackupCopyView[] }>(`/backups/${id}/copies`)).items;
  const copyOn = async (id: number, start: string): Promise<BackupCopyView> =>
    (await copiesOf(id)).find(({ storageTarget }) => storageTarget.startsWith(start)) as BackupCopyView;
  const filesOf = ({ filePath }: BackupView): string[] => [filePath, `${filePath}.manifest.json`];

  it('has the same bytes everywhere, counts them all, and leaves nothing when it is deleted', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd', includeGlobals: true });
    expect(backup).toMatchObject({ status: 'completed', copyPolicy: 'all', errorCode: null });
    expect(backup.copies).toEqual([
      pathToFileURL(second).href,
      expect.stringMatching(/^s3:\/\/copies\/holdfast\?/),
    ]);
    const files = [...filesOf(backup), `${backup.filePath}.globals.sql.zst`].sort();
    // Partial files go once the outcome is told.
    await until(async () => (await server.keys(bucket)).length === files.length);
    await until(async () => (await filesIn(second)).length === files.length);
    expect(await stack.storedFiles()).toEqual(files);
    expect(await filesIn(second)).toEqual(files);
    expect(await server.keys(bucket)).toEqual(files.map((file) => `holdfast/${file}`));
    for (const file of files) {
      const original = await readFile(path.join(stack.storageDir, file));
      expect(await readFile(path.join(second, file))).toEqual(original);
      expect(await server.read(bucket, `holdfast/${file}`)).toEqual(original);
    }
    expect(sha256(await readFile(path.join(second, backup.filePath)))).toBe(backup.checksumSha256);
    const detail = await client.get<BackupDetail>(`/backups/${backup.id}`);
    expect(detail.storedCopies).toHaveLength(2);
    for (const copy of detail.storedCopies) {
      expect(copy).toMatchObject({
        status: 'completed',
        checksumSha256: backup.checksumSha256,
        fileSize: backup.fileSize,
        proofLevel: 'stored',
        errorCode: null,
      });
    }
    const stored = { totalSizeBytes: 3 * backup.fileSize };
    expect(await client.get('/backups/storage/stats')).toMatchObject(stored);
    expect(await client.get('/settings')).toMatchObject({ diskUsage: 3 * backup.fileSize });

    expect(await client.send('DELETE', `/backups/${backup.id}`)).toMatchObject({ status: 202 });
    await stack.untilStatus('admin_backups', backup.id, ['deleted']);
    expect([await stack.storedFiles(), await filesIn(second), await server.keys(bucket)]).toEqual([
      [],
      [],
      [],
    ]);
    expect(server.openUploads(bucket)).toEqual([]);
    expect(await client.get('/settings')).toMatchObject({ diskUsage: 0 });
  });

  it('takes its targets from the request, else from its database, and never sends bytes elsewhere', async () => {
    await stack.startWorker();
    const none = await stack.backUp(client, { backupType: 'schema', copies: [] });
    expect(none).toMatchObject({ status: 'completed', copies: [] });
    // Its own target is not a copy of itself, and one named twice counts once.
    const own = await stack.backUp(client, {
      backupType: 'schema',
      copies: [stack.storageDir, second, `file://${second}`],
    });
    expect(own).toMatchObject({ status: 'completed', copies: [pathToFileURL(second).href] });
    await stack.metadata.query(`UPDATE databases SET copies = '[]'`);
    expect(await stack.backUp(client, { backupType: 'schema' })).toMatchObject({ copies: [] });

    const refused = await client.send<ProblemAnswer>('POST', '/backups', {
      body: { displayName: 'x', copies: [path.join(stack.folder, 'elsewhere')] },
    });
    expect(refused).toMatchObject({ status: 422, body: { code: 'INVALID_CONFIG' } });
    for (const body of [{ minCopies: 1 }, { copyPolicy: 'at_least', minCopies: 2, copies: [second] }]) {
      const answer = await client.send<ProblemAnswer>('POST', '/backups', {
        body: { displayName: 'x', ...body },
      });
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
      expect(answer.body.errors).toMatchObject([{ path: '/minCopies' }]);
    }
  });

  it('gets a further copy later, which can be deleted again', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd', copies: [] });
    const url = `/backups/${backup.id}/copies`;
    const { copyId } = await client.post<{ copyId: string }>(url, { storageTarget: remote });
    await stack.untilStatus('backup_copies', copyId, ['completed']);
    expect(sha256(await server.read(bucket, `holdfast/${backup.filePath}`))).toBe(backup.checksumSha256);
    // Partial files go once the outcome is told.
    await until(async () => (await server.keys(bucket)).length === 2);
    expect(await server.keys(bucket)).toEqual(filesOf(backup).map((file) => `holdfast/${file}`));
    expect(await client.send('POST', url, { body: { storageTarget: remote } })).toMatchObject({
      status: 409,
      body: { code: 'IN_USE' },
    });
    expect(await client.send('POST', url, { body: { storageTarget: stack.storageDir } })).toMatchObject({
      status: 422,
      body: { code: 'INVALID_CONFIG' },
    });
    expect(await client.send('DELETE', `${url}/${copyId}`)).toMatchObject({ status: 202 });
    await stack.untilStatus('backup_copies', copyId, ['deleted']);
    expect(await server.keys(bucket)).toEqual([]);
    expect(await copiesOf(backup.id)).toEqual([]);
    // And made again, under a row of its own.
    const again = await client.post<{ copyId: string }>(url, { storageTarget: remote });
    await stack.untilStatus('backup_copies', again.copyId, ['completed']);
    expect(await client.get('/settings')).toMatchObject({ diskUsage: 2 * backup.fileSize });
  });

  it('is proved copy by copy: a damaged one is found, the others stay as good as they were', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const local = await copyOn(backup.id, 'file:');
    const far = await copyOn(backup.id, 's3:');
    const file = path.join(second, backup.filePath);
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(2_000) ^ 1, 2_000);
    await writeFile(file, bytes);

    const verify = async ({ id }: BackupCopyView): Promise<string> => {
      const answer = await client.post<{ operationId: string }>(`/backups/${backup.id}/copies/${id}/verify`);
      return await stack.untilStatus('verifications', answer.operationId, ['completed', 'failed']);
    };
    expect(await verify(local)).toBe('failed');
    expect(await verify(far)).toBe('completed');
    expect(await copyOn(backup.id, 'file:')).toMatchObject({ damage: expect.stringContaining('SHA-256') });
    expect(await copyOn(backup.id, 's3:')).toMatchObject({ proofLevel: 'listed', damage: null });
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ proofLevel: 'stored', damage: null });

    const drill = await client.post<{ operationId: string }>(`/backups/${backup.id}/copies/${far.id}/drill`);
    await stack.untilStatus('drills', drill.operationId, ['completed']);
    expect(await client.get(`/drills/${drill.operationId}`)).toMatchObject({
      copyId: far.id,
      result: { isEqual: true },
    });
    expect(await copyOn(backup.id, 's3:')).toMatchObject({ proofLevel: 'restored' });
    expect(await client.send('POST', `/backups/${backup.id}/copies/${local.id}/promote`)).toMatchObject({
      status: 409,
      body: { code: 'FILE_CORRUPTION' },
    });
  });

  it('is saved by a copy where it is lost itself', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd', copies: [remote] });
    await rm(path.join(stack.storageDir, backup.filePath));
    expect(await stack.verify(client, backup.id)).toMatchObject({ errorCode: 'BACKUP_NOT_FOUND' });
    const copy = await copyOn(backup.id, 's3:');
    expect(await client.send('DELETE', `/backups/${backup.id}/copies/${copy.id}`)).toMatchObject({
      status: 409,
      body: { code: 'PROTECTED' },
    });
    await client.post(`/backups/${backup.id}/copies/${copy.id}/promote`);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      storageTarget: copy.storageTarget,
      damage: null,
      file: { exists: true, matchesSize: true },
    });
    expect(await stack.drill(client, backup.id)).toMatchObject({ result: { isEqual: true } });
    // The lost one is a copy now: deleted and made again it is whole.
    const lost = await copyOn(backup.id, 'file:');
    expect(lost.damage).not.toBeNull();
    await client.send('DELETE', `/backups/${backup.id}/copies/${lost.id}`);
    await stack.untilStatus('backup_copies', lost.id, ['deleted']);
    const { copyId } = await client.post<{ copyId: string }>(`/backups/${backup.id}/copies`, {
      storageTarget: stack.storageDir,
    });
    await stack.untilStatus('backup_copies', copyId, ['completed']);
    expect(sha256(await readFile(path.join(stack.storageDir, backup.filePath)))).toBe(backup.checksumSha256);
  });

  it('gives a copy up, and says so, where the backup it is made from is damaged', async () => {
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd', copies: [] });
    const file = path.join(stack.storageDir, backup.filePath);
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(2_000) ^ 1, 2_000);
    await writeFile(file, bytes);
    const { copyId } = await client.post<{ copyId: string }>(`/backups/${backup.id}/copies`, {
      storageTarget: second,
    });
    await stack.untilStatus('backup_copies', copyId, ['failed']);
    expect(await copyOn(backup.id, 'file:')).toMatchObject({ errorCode: 'FILE_CORRUPTION' });
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      damage: expect.stringContaining('SHA-256'),
    });
    await until(async () => (await filesIn(second)).length === 0);
  });
});
