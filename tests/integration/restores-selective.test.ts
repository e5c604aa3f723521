/** Chosen tables of a backup come back with all that is theirs, into a new database or among everything that is there. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { RestoreValidation, RestoreView } from '@holdfast/contracts/restores';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(180_000);

const waived = { createPreBackup: false, preBackupWaiverReason: 'a test' };

describe('a selective restore', () => {
  let stack: TestStack;
  let client: TestClient;
  let target: NonNullable<TestStack['target']>;
  let backup: BackupView;
  let before: Record<string, string>;

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0, require_approval_for_restore: 'false' } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    target = stack.target as typeof target;
    before = await dataOf(target.url);
    backup = await stack.backUp(client, { compressionType: 'zstd' });
  });
  afterEach(async () => await stack.destroy());

  async function restore(options: Readonly<Record<string, unknown>>): Promise<RestoreView> {
    const asked = {
      sourceBackupId: backup.id,
      displayName: 'Some tables',
      restoreType: 'selective',
      ...options,
    };
    const found = await client.post<RestoreValidation>('/restores/validate', asked);
    expect(found.plan.blockers).toEqual([]);
    const { operationId } = await client.post<{ operationId: string }>('/restores', {
      ...asked,
      confirmationToken: found.confirmationToken,
      confirmTarget: found.confirmTarget,
    });
    await stack.untilStatus('restore_operations', operationId, ['completed', 'failed', 'cancelled']);
    return await client.get<RestoreView>(`/restores/${operationId}`);
  }

  /** In whatever order: that depends on what was made first. */
  const statementsOf = async (url: string, patterns: readonly string[]): Promise<string[]> =>
    (await schemaOf(url, patterns))
      .replaceAll(/^--.*$/gm, '')
      .split(/;\n/)
      .map((statement) => statement.trim())
      .sort();

  it('into a new database brings the tables with their keys, triggers, types and sequences, and names the foreign keys that it leaves out', async () => {
    const name = `${target.name}_new`;
    const closed = ['users', 'private_messages', 'audit_events', "Robert'); DROP TABLE students;--"];
    const patterns = ['public.users', 'public.private_messages', 'public.audit_events*', 'public.Robert*'];
    const restored = await restore({
      strategy: 'new_database',
      targetDatabase: name,
      includedTables: [...closed, 'posts'],
    });
    expect(restored).toMatchObject({ status: 'completed', errorMessage: null, strategy: 'new_database' });
    const url = target.url.replace(target.name, name);
    try {
      const data = await dataOf(url);
      expect(Object.keys(data).sort()).toEqual(
        [
          'public.users',
          'public.users_id_seq',
          'public.private_messages',
          'public.posts',
          'public."Robert\'); DROP TABLE students;--"',
          ...['2026_01', '2026_02', '2026_03', 'other'].map((part) => `public.audit_events_${part}`),
        ].sort(),
      );
      expect(before).toMatchObject(data);
      expect(await statementsOf(url, patterns)).toEqual(await statementsOf(target.url, patterns));
      expect(restored.verification).toMatchObject({
        isEqual: true,
        skippedForeignKeys: ['public.posts posts_thread_id_fkey'],
      });
    } finally {
      await target.query(`DROP DATABASE "${name}" WITH (FORCE)`);
    }
  });

  it('in place exchanges the rows of a table that others refer to, and touches nothing else', async () => {
    await target.query("UPDATE users SET signature = 'ruined'");
    await target.query('INSERT INTO never_used VALUES (1, $$later$$)');
    const schema = await schemaOf(target.url);
    const restored = await restore({ includedTables: ['users'], ...waived });
    expect(restored).toMatchObject({ status: 'completed', errorMessage: null, strategy: 'in_place' });
    const data = await dataOf(target.url);
    expect(data['public.never_used']).toMatch(/^1 /);
    expect({ ...data, 'public.never_used': '' }).toEqual({ ...before, 'public.never_used': '' });
    expect(await schemaOf(target.url)).toBe(schema);
  });

  it('in place makes a table anew that was dropped, with the foreign keys of others that went with it', async () => {
    const patterns = ['public.posts', 'public.reactions', 'public.attachments', 'public.threads'];
    const schema = await statementsOf(target.url, patterns);
    await target.query('DROP TABLE posts CASCADE');
    expect(await statementsOf(target.url, patterns)).not.toEqual(schema);
    const restored = await restore({ includedTables: ['public.posts'], ...waived });
    expect(restored).toMatchObject({ status: 'completed', errorMessage: null });
    expect(await statementsOf(target.url, patterns)).toEqual(schema);
    expect((await dataOf(target.url))['public.posts']).toBe(before['public.posts']);
  });

  it('in place attaches a partition again that was dropped', async () => {
    const schema = await statementsOf(target.url, []);
    await target.query('DROP TABLE audit_events_2026_02');
    const restored = await restore({ includedTables: ['audit_events'], ...waived });
    expect(restored).toMatchObject({ status: 'completed', errorMessage: null });
    expect(await dataOf(target.url)).toEqual(before);
    expect(await statementsOf(target.url, [])).toEqual(schema);
  });

  it('in place ends as if it had never been where a foreign key would not hold', async () => {
    await target.query(
      `INSERT INTO users (id, uid, username, email, created_at) VALUES (999999, gen_random_uuid(), 'late', 'late@example.org', now());
       UPDATE threads SET author_id = 999999 WHERE id = (SELECT min(id) FROM threads)`,
    );
    const ruined = await dataOf(target.url);
    const restored = await restore({ includedTables: ['users'], ...waived });
    expect(restored).toMatchObject({
      status: 'failed',
      errorMessage: expect.stringContaining('threads_author_id_fkey'),
    });
    expect(await dataOf(target.url)).toEqual(ruined);
  });

  it('in place has no way back of its own, and says which backup is one', async () => {
    const restored = await restore({ includedTables: ['users'] });
    expect(restored).toMatchObject({ status: 'completed', canRollback: false, rollbackExpiresAt: null });
    const refused = await client.send<ProblemAnswer>('POST', `/restores/${restored.operationId}/rollback`, {
      body: { reason: 'a test' },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'IN_USE' } });
    expect(refused.body.remediation).toContain(`safety backup ${restored.preRestoreBackupId}`);
  });
});
