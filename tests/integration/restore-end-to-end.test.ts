/** A restore as a person goes through it: validated, confirmed, approved by another, carried out by a worker, looked at, undone. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RestoreProgress, RestoreValidation, RestoreView } from '@holdfast/contracts/restores';
import type { RollbackPreview, RollbackView } from '@holdfast/contracts/rollbacks';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(180_000);

const ended = ['completed', 'failed', 'cancelled'];

describe('a restore from beginning to end', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());

  const notes = async (): Promise<unknown> =>
    (await stack.target?.query<{ note: string }>('SELECT note FROM never_used ORDER BY note'))?.map(
      ({ note }) => note,
    );

  it('brings the backup back, keeps what was there, and gives it back when asked', async () => {
    const admin = await signInAs(stack, client, 'admin');
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await stack.target?.query(`INSERT INTO never_used VALUES (1, 'after the backup')`);
    const options = { sourceBackupId: backup.id, displayName: 'Undo Friday' };
    const found = await admin.post<RestoreValidation>('/restores/validate', options);
    expect(found.plan.blockers).toEqual([]);
    expect(found.impactAssessment).toMatchObject({ dataLossRisk: 'High' });
    const { operationId } = await admin.post<{ operationId: string }>('/restores', {
      ...options,
      confirmationToken: found.confirmationToken,
      confirmTarget: found.confirmTarget,
    });
    await client.post(`/restores/${operationId}/approve`, { reason: 'Agreed in the morning' });
    await stack.untilStatus('restore_operations', operationId, ended);
    const restore = await client.get<RestoreView>(`/restores/${operationId}`);
    expect(restore).toMatchObject({ status: 'completed', errorMessage: null, canRollback: true });
    const progress = await client.get<RestoreProgress>(`/restores/${operationId}/progress`);
    expect(progress).toMatchObject({ status: 'completed', progressPercent: 100, canRollback: true });
    expect(await notes()).toEqual([]);

    await stack.target?.query(`INSERT INTO never_used VALUES (2, 'after the restore')`);
    const preview = await client.get<RollbackPreview>(`/restores/${operationId}/rollback-preview`);
    expect(preview).toMatchObject({
      method: 'swap_back',
      writtenSince: [{ schema: 'public', name: 'never_used', rowsRestored: 0, rowsNow: 1 }],
    });
    const rollback = await client.post<{ operationId: string }>(`/restores/${operationId}/rollback`, {
      reason: 'It was the wrong Friday',
    });
    await stack.untilStatus('restore_rollbacks', rollback.operationId, ended);
    expect(await client.get<RollbackView>(`/rollbacks/${rollback.operationId}`)).toMatchObject({
      status: 'completed',
      errorMessage: null,
    });
    expect(await notes()).toEqual(['after the backup']);
    expect(await client.get(`/restores/${operationId}`)).toMatchObject({
      rolledBackAt: expect.any(String),
    });
    const next = await client.post<RestoreValidation>('/restores/validate', options);
    expect(next.impactAssessment.basis).toContain('of this database, by size');
  });
});
