/** Confirming, approving and refusing restores: tokens that are used, old, foreign or altered; four eyes; one restore for one target. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type {
  RestoreOptions,
  RestoreProgress,
  RestoreValidation,
  RestoreView,
} from '@holdfast/contracts/restores';
import type { RollbackView } from '@holdfast/contracts/rollbacks';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

describe('asking for a restore', () => {
  let stack: TestStack;
  /** A super-admin. */
  let client: TestClient;
  let admin: TestClient;
  let mod: TestClient;
  let backup: BackupView;
  let targetName: string;

  beforeAll(async () => {
    // No worker runs once the backup is made, so that what is accepted waits to be looked at.
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    const worker = await stack.startWorker();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await worker.kill();
    admin = await signInAs(stack, client, 'admin');
    mod = await signInAs(stack, client, 'mod');
    targetName = (stack.target as { name: string }).name;
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => await requireApproval(false));
  afterEach(async () => {
    await stack.metadata.query(
      `UPDATE restore_operations SET status = 'cancelled', completed_at = now() WHERE status = 'pending'`,
    );
    await stack.metadata.query(
      `UPDATE restore_rollbacks SET status = 'cancelled', completed_at = now() WHERE status = 'pending'`,
    );
  });

  const requireApproval = async (isRequired: boolean): Promise<void> => {
    await stack.metadata.query('UPDATE backup_settings SET require_approval_for_restore = $1', [isRequired]);
  };
  const options = (changes: Partial<RestoreOptions> = {}) => ({
    sourceBackupId: backup.id,
    displayName: 'Test',
    ...changes,
  });
  const tokenFor = async (who: TestClient, changes: Partial<RestoreOptions> = {}): Promise<string> => {
    const found = await who.post<RestoreValidation>('/restores/validate', options(changes));
    expect(found.plan.blockers).toEqual([]);
    return found.confirmationToken as string;
  };
  type Answer = { operationId: string; message: string } & ProblemAnswer;
  const ask = async (who: TestClient, body: object, headers: Record<string, string> = {}) =>
    await who.send<Answer>('POST', '/restores', {
      body: { ...options(), confirmTarget: targetName, ...body },
      headers,
    });
  const start = async (who: TestClient = client): Promise<string> => {
    const { status, body } = await ask(who, { confirmationToken: await tokenFor(who) });
    expect([status, body.detail]).toEqual([202, undefined]);
    return body.operationId;
  };
  const decide = async (who: TestClient, id: string, decision = 'approve', reason = 'Looked at it') =>
    await who.send<Answer>('POST', `/restores/${id}/${decision}`, { body: { reason } });
  const restoreOf = async (id: string): Promise<RestoreView> => await client.get(`/restores/${id}`);
  const countRestores = async (): Promise<unknown> =>
    await stack.metadata.query('SELECT count(*) FROM restore_operations');

  it('is accepted with its token, kept with its plan, listed, and told to the audit trail without the token', async () => {
    const token = await tokenFor(client);
    const { status, headers, body } = await ask(client, { confirmationToken: token });
    expect([status, body.detail]).toEqual([202, undefined]);
    expect(headers.get('location')).toBe(`/api/admin/backup-restore/restores/${body.operationId}`);
    expect(await restoreOf(body.operationId)).toMatchObject({
      status: 'pending',
      strategy: 'swap',
      restoreType: 'full',
      sourceBackupId: backup.id,
      sourceFilename: backup.filename,
      targetDatabase: targetName,
      createPreBackup: true,
      approvalStatus: 'not_required',
      plan: { strategy: 'swap', target: { database: targetName, exists: true }, tables: null },
      impactAssessment: { dataLossRisk: expect.any(String) },
    });
    const list = await client.get<{ items: RestoreView[] }>('/restores?status=pending&restoreType=full');
    expect(list.items.map(({ operationId }) => operationId)).toEqual([body.operationId]);
    const progress = await client.get<RestoreProgress>(`/restores/${body.operationId}/progress`);
    expect(progress).toMatchObject({ operationId: body.operationId, status: 'pending', canRollback: false });
    const lines = await stack.metadata.query<{ action: string; after: object }>(
      `SELECT action, after FROM audit_log WHERE subject_id = $1`,
      [body.operationId],
    );
    expect(lines.map(({ action }) => action)).toEqual(['restore.create']);
    expect(JSON.stringify(lines)).not.toContain(token);
  });

  it('keeps its backup from being deleted and its database from leaving the registry', async () => {
    const id = await start();
    const deleted = await client.send<Answer>('DELETE', `/backups/${backup.id}`);
    expect([deleted.status, deleted.body.code]).toEqual([409, 'IN_USE']);
    expect(deleted.body.detail).toContain(id);
  });

  describe('with a token that', () => {
    const refused = async (who: TestClient, body: object, code = 'CONFIRMATION_EXPIRED'): Promise<string> => {
      const before = await countRestores();
      const answer = await ask(who, body);
      expect(answer.body.code).toBe(code);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body.remediation).toMatch(/\w/);
      expect(await countRestores()).toEqual(before);
      return answer.body.detail;
    };

    it('was used already is refused, also when both come at once', async () => {
      const confirmationToken = await tokenFor(client);
      const answers = await Promise.all([1, 2, 3].map(() => ask(client, { confirmationToken })));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409]);
      expect(await refused(client, { confirmationToken })).toContain('used already');
    });

    it('is ten minutes old is refused', async () => {
      const confirmationToken = await tokenFor(client);
      await stack.metadata.query(
        `UPDATE confirmation_tokens SET expires_at = clock_timestamp() - interval '1 second' WHERE used_at IS NULL`,
      );
      expect(await refused(client, { confirmationToken })).toContain('older than 10 minutes');
    });

    it("is another's, altered, or none is refused, without telling which", async () => {
      const foreign = await tokenFor(admin);
      const details = [
        await refused(client, { confirmationToken: foreign }),
        await refused(client, { confirmationToken: `${foreign.slice(1)}A` }),
        await refused(client, { confirmationToken: 'x' }),
      ];
      expect(new Set(details).size).toBe(1);
      // Trying it cost its owner nothing.
      expect((await ask(admin, { confirmationToken: foreign })).status).toBe(202);
    });

    it.each<[string, Partial<RestoreOptions>]>([
      ['another strategy', { strategy: 'in_place' }],
      ['another target', { targetDatabase: 'elsewhere' }],
      ['no safety backup', { createPreBackup: false, preBackupWaiverReason: 'In a hurry' }],
    ])('is for other options is refused: %s', async (_what, changes) => {
      const confirmationToken = await tokenFor(client);
      expect(await refused(client, { confirmationToken, ...changes })).toContain('other options');
    });

    it('was given before the target changed is refused for good, also once it is changed back', async () => {
      const confirmationToken = await tokenFor(client);
      await stack.target?.query('CREATE TABLE changed_meanwhile (id integer)');
      expect(await refused(client, { confirmationToken })).toContain('has changed');
      await stack.target?.query('DROP TABLE changed_meanwhile');
      expect(await refused(client, { confirmationToken })).toContain('used already');
    });

    it('is good still needs the name of the target, typed', async () => {
      const confirmationToken = await tokenFor(client);
      const detail = await refused(
        client,
        { confirmationToken, confirmTarget: 'postgres' },
        'VALIDATION_FAILED',
      );
      expect(detail).toContain(targetName);
      expect((await ask(client, { confirmationToken })).status).toBe(202);
    });

    it('is good holds no longer where something stands against it now', async () => {
      const confirmationToken = await tokenFor(client);
      await stack.metadata.query('UPDATE admin_backups SET damaged_at = now(), damage = $1', [
        'a hole in it',
      ]);
      try {
        expect(await refused(client, { confirmationToken }, 'VALIDATION_FAILED')).toContain('a hole in it');
      } finally {
        await stack.metadata.query('UPDATE admin_backups SET damaged_at = NULL, damage = NULL');
      }
    });
  });

  it('sent twice with one key is one restore, and another body with that key is a conflict', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { confirmationToken: await tokenFor(client) };
    const first = await ask(client, body, headers);
    const second = await ask(client, body, headers);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body.operationId).toBe(first.body.operationId);
    const other = await ask(client, { ...body, displayName: 'Other' }, headers);
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_CONFLICT']);
  });

  it('for a target that has one already is refused, by the database too', async () => {
    const [one, two] = [await tokenFor(client), await tokenFor(admin)];
    const answers = await Promise.all([
      ask(client, { confirmationToken: one }),
      ask(admin, { confirmationToken: two }),
    ]);
    // Whoever comes second: the other's token, of the same moment, is good, but the target is taken.
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409]);
    expect(answers.map(({ body }) => body.code)).toContain('IN_USE');
    const found = await client.post<RestoreValidation>('/restores/validate', options());
    expect(found.plan.blockers).toEqual([
      expect.objectContaining({ code: 'IN_USE', remediation: expect.stringContaining('/cancel') }),
    ]);
    await expect(
      stack.metadata.query(
        `INSERT INTO restore_operations (display_name, source_backup_id, source_filename, target_database, database_id, strategy, initiated_by, plan, target_key, report_digest)
         SELECT display_name, source_backup_id, source_filename, target_database, database_id, strategy, initiated_by, plan, target_key, report_digest
         FROM restore_operations WHERE status = 'pending'`,
      ),
    ).rejects.toMatchObject({ code: '23505', constraint: 'idx_restore_operations_target' });
  });

  it('can be cancelled while it waits, and twice', async () => {
    const id = await start();
    expect((await client.send('POST', `/restores/${id}/cancel`)).status).toBe(202);
    expect((await client.send('POST', `/restores/${id}/cancel`)).status).toBe(202);
    expect(await restoreOf(id)).toMatchObject({ status: 'cancelled', errorCode: 'CANCELLED' });
  });

  it('is for those whose role the settings name, from the next request on', async () => {
    const paths = [
      ['POST', '/restores/validate'],
      ['POST', '/restores'],
      ['GET', '/restores'],
      ['POST', `/restores/${randomUUID()}/approve`],
    ] as const;
    const statuses = async () =>
      await Promise.all(
        paths.map(async ([method, path]) => {
          const { status } = await mod.send(method, path, method === 'POST' ? { body: {} } : {});
          return status;
        }),
      );
    expect(await statuses()).toEqual([403, 403, 403, 403]);
    await client.send('PUT', '/settings', { body: { allowedRestoreRoles: ['admin', 'mod'] } });
    try {
      expect(await statuses()).toEqual([400, 400, 200, 400]);
    } finally {
      await client.send('PUT', '/settings', { body: { allowedRestoreRoles: ['admin'] } });
    }
    expect(await statuses()).toEqual([403, 403, 403, 403]);
  });

  describe('that another person has to approve', () => {
    beforeEach(async () => await requireApproval(true));

    it('waits, is passed over by workers, and is released by somebody else with a reason', async () => {
      const id = await start();
      const progress = await client.get<RestoreProgress>(`/restores/${id}/progress`);
      expect(progress).toMatchObject({ status: 'pending', currentStep: 'awaiting approval' });
      const worker = await stack.startWorker();
      try {
        // A backup that is asked for later is taken and done; the restore has stayed where it was.
        await stack.backUp(client, { backupType: 'schema' });
        expect(await restoreOf(id)).toMatchObject({
          status: 'pending',
          attempt: 0,
          approvalStatus: 'awaiting',
        });
      } finally {
        await worker.kill();
      }
      const { status, body } = await decide(admin, id);
      expect([status, body.detail]).toEqual([202, undefined]);
      expect(await restoreOf(id)).toMatchObject({
        status: 'pending',
        approvalStatus: 'approved',
        decisionReason: 'Looked at it',
        approvedBy: expect.any(String),
        currentStep: 'waiting for a worker',
      });
      const again = await decide(admin, id);
      expect([again.status, again.body.code]).toEqual([409, 'IN_USE']);
      const [line] = await stack.metadata.query<{ actor_name: string; after: object }>(
        `SELECT actor_name, after FROM audit_log WHERE action = 'restore.approve' AND subject_id = $1`,
        [id],
      );
      expect(line).toEqual({ actor_name: 'admin-user', after: { reason: 'Looked at it' } });
    });

    it('is rejected for good', async () => {
      const id = await start();
      expect((await decide(admin, id, 'reject', 'Wrong backup')).status).toBe(202);
      const restore = await restoreOf(id);
      expect(restore).toMatchObject({ status: 'cancelled', approvalStatus: 'rejected' });
      expect(restore.errorMessage).toContain('Wrong backup');
      expect((await decide(admin, id)).body.code).toBe('IN_USE');
    });

    it('is never decided about by who asked, whatever the way: API or SQL', async () => {
      const id = await start();
      for (const decision of ['approve', 'reject']) {
        const { status, body } = await decide(client, id, decision);
        expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
      }
      const sql = async (text: string) =>
        await stack.metadata.query(`UPDATE restore_operations SET ${text} WHERE operation_id = $1`, [id]);
      const approve = `approval_status = 'approved', decided_at = now(), decision_reason = 'me', approved_by`;
      await expect(sql(`${approve} = initiated_by`)).rejects.toMatchObject({ code: '23514' });
      await expect(sql(`${approve} = NULL`)).rejects.toMatchObject({ code: '23514' });
      await expect(sql(`approval_status = 'not_required'`)).rejects.toMatchObject({ code: '23514' });
      await expect(
        sql(`initiated_by = (SELECT user_id FROM users WHERE username = 'admin-user')`),
      ).rejects.toMatchObject({ code: '23514' });
      await expect(
        sql(`status = 'pre_backup', worker_id = 'w', heartbeat_at = now(), attempt = 1`),
      ).rejects.toMatchObject({ code: '23514', constraint: 'restore_operations_runs_once_approved' });
    });

    it('cannot be approved once its time is over, by the API or SQL, and is given up', async () => {
      const id = await start();
      await stack.metadata.query(
        `UPDATE restore_operations SET approval_expires_at = clock_timestamp() - interval '1 second' WHERE operation_id = $1`,
        [id],
      );
      const { status, body } = await decide(admin, id);
      expect([status, body.code]).toEqual([409, 'CONFIRMATION_EXPIRED']);
      await stack.untilStatus('restore_operations', id, ['failed']);
      expect(await restoreOf(id)).toMatchObject({
        approvalStatus: 'expired',
        errorCode: 'CONFIRMATION_EXPIRED',
      });
    });

    it('cannot be approved by somebody whose role has lost the right, nor for somebody whose role has', async () => {
      const asked = await start();
      await stack.metadata.query(`UPDATE users SET role = 'mod' WHERE username = 'admin-user'`);
      try {
        const { status, body } = await decide(admin, asked);
        expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
      } finally {
        await stack.metadata.query(`UPDATE users SET role = 'admin' WHERE username = 'admin-user'`);
      }
      await client.send('POST', `/restores/${asked}/cancel`);
      const byAdmin = await start(admin);
      await stack.metadata.query(`UPDATE users SET role = 'mod' WHERE username = 'admin-user'`);
      try {
        const { status, body } = await decide(client, byAdmin);
        expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
        expect(body.detail).toContain('admin-user');
      } finally {
        await stack.metadata.query(`UPDATE users SET role = 'admin' WHERE username = 'admin-user'`);
      }
    });

    it('cannot be approved when the target has changed since', async () => {
      const id = await start();
      await stack.target?.query('CREATE TABLE changed_meanwhile (id integer)');
      try {
        const { status, body } = await decide(admin, id);
        expect([status, body.code]).toEqual([409, 'CONFIRMATION_EXPIRED']);
      } finally {
        await stack.target?.query('DROP TABLE changed_meanwhile');
      }
      expect((await decide(admin, id)).status).toBe(202);
    });

    it('is no use where nobody else could: validation says so, and what to do', async () => {
      await stack.metadata.query(`UPDATE users SET is_active = false WHERE username = 'admin-user'`);
      try {
        const found = await client.post<RestoreValidation>('/restores/validate', options());
        expect(found).toMatchObject({
          approval: { isRequired: true, possibleApprovers: 0 },
          validation: { valid: false },
          confirmationToken: null,
        });
        expect(found.plan.blockers).toEqual([
          expect.objectContaining({
            code: 'APPROVAL_REQUIRED',
            remediation: expect.stringContaining('require_approval_for_restore'),
          }),
        ]);
      } finally {
        await stack.metadata.query(`UPDATE users SET is_active = true WHERE username = 'admin-user'`);
      }
    });
  });

  describe('undone', () => {
    let id: string;
    beforeEach(async () => {
      id = await start(admin);
      // As a worker would have left it.
      await stack.metadata.query(
        `UPDATE restore_operations SET status = 'pre_backup', worker_id = 'w', heartbeat_at = now(), attempt = 1 WHERE operation_id = $1`,
        [id],
      );
      await stack.metadata.query(
        `UPDATE restore_operations SET status = 'restoring' WHERE operation_id = $1`,
        [id],
      );
      await stack.metadata.query(
        `UPDATE restore_operations SET status = 'completed', completed_at = now(), can_rollback = true, rollback_expires_at = now() + interval '1 hour'
         WHERE operation_id = $1`,
        [id],
      );
    });

    const rollBack = async (who: TestClient) =>
      await who.send<Answer>('POST', `/restores/${id}/rollback`, { body: { reason: 'Wrong data' } });

    it('is previewed with what was written since, and accepted once', async () => {
      await stack.target?.query(`INSERT INTO never_used VALUES (1, 'since')`);
      const preview = await client.get(`/restores/${id}/rollback-preview`);
      await stack.target?.query('TRUNCATE never_used');
      expect(preview).toMatchObject({
        method: 'swap_back',
        writtenSince: [{ schema: 'public', name: 'never_used', rowsRestored: 0, rowsNow: 1 }],
      });
      const answers = await Promise.all([rollBack(admin), rollBack(client)]);
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409]);
      const [accepted] = answers.filter(({ status }) => status === 202);
      const { operationId } = (accepted as { body: Answer }).body;
      expect(await client.get<RollbackView>(`/rollbacks/${operationId}`)).toMatchObject({
        restoreOperationId: id,
        method: 'swap_back',
        status: 'pending',
        reason: 'Wrong data',
      });
      const found = await client.post<RestoreValidation>('/restores/validate', options());
      expect(found.plan.blockers.map(({ code }) => code)).toEqual(['IN_USE']);
      expect((await client.send('POST', `/rollbacks/${operationId}/cancel`)).status).toBe(202);
    });

    it('cannot be cancelled, with a pointer to the rollback', async () => {
      const { status, body } = await client.send<Answer>('POST', `/restores/${id}/cancel`);
      expect([status, body.code]).toEqual([409, 'IN_USE']);
      expect(body.remediation).toContain(`/restores/${id}/rollback`);
    });

    it.each([
      ['its window has ended', `rollback_expires_at = now() - interval '1 second'`],
      ['nothing was kept', 'can_rollback = false'],
      ['it was undone already', 'rolled_back_at = now()'],
    ])('is refused where %s', async (_what, change) => {
      await stack.metadata.query(`UPDATE restore_operations SET ${change} WHERE operation_id = $1`, [id]);
      const { status, body } = await rollBack(client);
      expect([status, body.code]).toEqual([409, 'IN_USE']);
      expect(body.detail).toContain('cannot be rolled back');
    });

    it('is for who started it, or an admin', async () => {
      await client.send('PUT', '/settings', { body: { allowedRestoreRoles: ['admin', 'mod'] } });
      try {
        const { status, body } = await rollBack(mod);
        expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
      } finally {
        await client.send('PUT', '/settings', { body: { allowedRestoreRoles: ['admin'] } });
      }
      expect((await rollBack(admin)).status).toBe(202);
    });
  });

  it('pages through the list by cursor', async () => {
    const pages: string[] = [];
    let cursor: string | null = '';
    await until(async () => {
      const page: { items: RestoreView[]; pagination: { nextCursor: string | null } } = await client.get(
        `/restores?limit=5${cursor === '' || cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      pages.push(...page.items.map(({ operationId }) => operationId));
      cursor = page.pagination.nextCursor;
      return cursor === null;
    });
    const rows = await stack.metadata.query<{ id: string }>(
      'SELECT operation_id AS id FROM restore_operations ORDER BY created_at DESC, operation_id DESC',
    );
    expect(pages).toEqual(rows.map((row) => row.id));
  });
});
