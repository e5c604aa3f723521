/** Backups that differ from their database's history: marked, shown, and no good ones until somebody accepts them. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { CoverageReport } from '@holdfast/contracts/coverage';
import type { StorageStats } from '@holdfast/contracts/storage-stats';
import type { ProblemAnswer, ProgressSocket, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(120_000);

interface Listed {
  readonly items: BackupView[];
  readonly pagination: { readonly total: number };
}

describe('a backup after a table was emptied', () => {
  let stack: TestStack;
  let client: TestClient;
  let whole: BackupView;
  let marked: BackupView;
  let socket: ProgressSocket;
  const events: string[] = [];

  const accept = async <T = BackupView>(who: TestClient, id: number, body: unknown) =>
    await who.send<T>('POST', `/backups/${id}/accept-anomalies`, { body });
  const listed = async (query: string) => await client.get<Listed>(`/backups?${query}`);
  const coverage = async () => (await client.get<CoverageReport>('/coverage')).servers[0];

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    socket = client.connect();
    await client.subscribe(socket, { kind: 'operations' });
    socket.on('operation', ({ event, id }) => events.push(`${event} ${id}`));
    whole = await stack.backUp(client, { compressionType: 'zstd' });
  });
  afterAll(async () => {
    socket.disconnect();
    await stack.destroy();
  });

  it('is marked with what is usual, what is there and from how many backups that is known', async () => {
    expect(whole).toMatchObject({ status: 'completed', anomalies: [], isAnomalous: false });
    const manifest = await client.get<{ tables: { schema: string; name: string; rows: number }[] }>(
      `/backups/${whole.id}/manifest`,
    );
    const largest = manifest.tables.toSorted((a, b) => b.rows - a.rows)[0] as {
      schema: string;
      name: string;
      rows: number;
    };
    await stack.target?.query(`TRUNCATE "${largest.schema}"."${largest.name}" CASCADE`);
    marked = await stack.backUp(client, { compressionType: 'zstd' });
    expect(marked).toMatchObject({ status: 'completed', isAnomalous: true, anomaliesAcceptedAt: null });
    expect(marked.anomalies).toContainEqual({
      kind: 'table_rows_few',
      table: `${largest.schema}.${largest.name}`,
      expected: largest.rows,
      actual: 0,
      basis: 'from 1 earlier backup',
      sentence: `Table ${largest.schema}.${largest.name} has 0 rows where ${largest.rows} are usual, from 1 earlier backup.`,
    });
    expect(
      await stack.metadata.query(
        `SELECT after->'anomalies' AS anomalies FROM audit_log WHERE action = 'backup.anomalous' AND subject_id = $1`,
        [String(marked.id)],
      ),
    ).toEqual([{ anomalies: marked.anomalies }]);
    expect(events).toContain(`anomalous ${marked.id}`);
    expect(events).not.toContain(`anomalous ${whole.id}`);
  });

  it('is found by the filter of the list, and the others by its opposite', async () => {
    const ids = async (query: string) => (await listed(query)).items.map(({ id }) => id);
    expect(await ids('isAnomalous=true')).toEqual([marked.id]);
    expect((await listed('isAnomalous=true&limit=1&sortBy=displayName')).pagination.total).toBe(1);
    expect(await ids('isAnomalous=false')).toEqual([whole.id]);
    expect(await ids('isAnomalous=true&source=scheduled')).toEqual([]);
    expect((await client.send('GET', '/backups?isAnomalous=perhaps')).status).toBe(400);
  });

  it('is not the good one for statistics and coverage', async () => {
    expect(await client.get<StorageStats>('/backups/storage/stats')).toMatchObject({
      completedCount: 2,
      anomalousCount: 1,
      newestCompletedAt: whole.completedAt,
    });
    const server = await coverage();
    expect(server?.databases[0]?.newestBackup?.id).toBe(whole.id);
    expect(server?.findings).toContainEqual(
      expect.objectContaining({
        kind: 'unaccepted_anomalies',
        severity: 'warning',
        cause: expect.stringContaining(`Backup ${marked.id}`),
      }),
    );
  });

  it('does not let cleaning up remove the older good one, and is no history for the next', async () => {
    await stack.metadata.query(
      `UPDATE admin_backups SET expires_at = now() - interval '1 day' WHERE id = $1`,
      [whole.id],
    );
    await client.send('PUT', '/settings', { body: { maxStorageSize: 1024 * 1024 } });
    const refused = await stack.backUp(client, { compressionType: 'none' });
    expect(refused).toMatchObject({ status: 'failed', errorCode: 'INSUFFICIENT_SPACE' });
    expect((await client.get<BackupView>(`/backups/${whole.id}`)).status).toBe('completed');
    await client.send('PUT', '/settings', { body: { maxStorageSize: 1024 ** 4 } });
    const next = await stack.backUp(client, { compressionType: 'zstd' });
    expect(next).toMatchObject({ isAnomalous: true });
    expect(next.anomalies.map(({ basis }) => basis)).toContain('from 1 earlier backup');
  });

  it('is accepted by an admin with a reason, once, and the trail says by whom', async () => {
    expect((await accept(await signInAs(stack, client, 'mod'), marked.id, { reason: 'x' })).status).toBe(403);
    for (const body of [{}, { reason: '' }, { reason: ' ' }, { reason: 'x', more: 1 }]) {
      expect((await accept(client, marked.id, body)).status).toBe(400);
    }
    const admin = await signInAs(stack, client, 'admin');
    const accepted = await accept(admin, marked.id, { reason: 'Emptied on purpose, ticket 7' });
    expect(accepted).toMatchObject({
      status: 200,
      body: {
        isAnomalous: false,
        anomalies: marked.anomalies,
        anomaliesAcceptedReason: 'Emptied on purpose, ticket 7',
        anomaliesAcceptedAt: expect.any(String),
        anomaliesAcceptedBy: expect.any(String),
      },
    });
    expect(
      await stack.metadata.query(
        `SELECT actor_name AS who, after FROM audit_log WHERE action = 'backup.accept-anomalies'`,
      ),
    ).toEqual([{ who: 'admin-user', after: { reason: 'Emptied on purpose, ticket 7' } }]);
    expect(await accept<ProblemAnswer>(client, marked.id, { reason: 'again' })).toMatchObject({
      status: 422,
      body: { code: 'INVALID_CONFIG' },
    });
    expect(await accept<ProblemAnswer>(client, whole.id, { reason: 'nothing there' })).toMatchObject({
      status: 422,
      body: { code: 'INVALID_CONFIG' },
    });
    expect((await accept(client, 2_147_483_647, { reason: 'none' })).status).toBe(404);
  });

  it('counts from then on: as the good one, as history, and as what the older one may go for', async () => {
    const stats = await client.get<StorageStats>('/backups/storage/stats');
    expect(stats).toMatchObject({ anomalousCount: 1, newestCompletedAt: marked.completedAt });
    expect((await coverage())?.databases[0]?.newestBackup?.id).toBe(marked.id);
    const next = await stack.backUp(client, { compressionType: 'zstd' });
    expect(next).toMatchObject({ status: 'completed', anomalies: [], isAnomalous: false });
    await client.send('PUT', '/settings', {
      body: { maxStorageSize: Math.max(1024 * 1024, stats.totalSizeBytes + next.fileSize + 1) },
    });
    await stack.backUp(client, { compressionType: 'none' });
    expect(await stack.untilStatus('admin_backups', whole.id, ['deleting', 'deleted'])).toMatch(/^delet/);
  });
});
