/** What validation says before a restore: what would be lost and changed, who is connected, what stands in the way; against a real target. */
import { appendFile, copyFile, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { RestoreOptions, RestoreValidation } from '@holdfast/contracts/restores';
import { queryOnce } from '@holdfast/testkit/databases';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { Client } from 'pg';

jest.setTimeout(120_000);

describe('validating a restore', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;
  let targetName: string;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    const worker = await stack.startWorker();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup.status).toBe('completed');
    await worker.kill();
    await stack.metadata.query('UPDATE backup_settings SET require_approval_for_restore = false');
    targetName = (stack.target as { name: string }).name;
  });
  afterAll(async () => await stack.destroy());

  const target = async (sql: string): Promise<void> => {
    await stack.target?.query(sql);
  };
  const send = async <T = RestoreValidation>(options: Partial<RestoreOptions> = {}) =>
    await client.send<T>('POST', '/restores/validate', {
      body: { sourceBackupId: backup.id, displayName: 'Test', ...options },
    });
  const validate = async (options: Partial<RestoreOptions> = {}): Promise<RestoreValidation> => {
    const { status, body } = await send(options);
    expect([status, (body as unknown as ProblemAnswer).detail]).toEqual([200, undefined]);
    return body;
  };
  const blockers = ({ plan }: RestoreValidation): string[] => plan.blockers.map(({ detail }) => detail);

  it('chooses a swap, says what was checked, and gives a token and the name to type', async () => {
    const found = await validate();
    expect(blockers(found)).toEqual([]);
    expect(found.validation).toMatchObject({ valid: true, fileSize: backup.fileSize });
    expect(found.validation.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(found.validation.checks.find(({ name }) => name === 'checksum')).toMatchObject({
      status: 'passed',
    });
    expect(found.plan).toMatchObject({ strategy: 'swap', possibleStrategies: ['swap', 'in_place'] });
    expect(found.plan.impossibleStrategies).toEqual([
      { strategy: 'new_database', reason: expect.stringContaining('already') },
    ]);
    expect(found.plan.steps.map(({ name }) => name)).toEqual([
      'pre_backup',
      'check',
      'restore',
      'verify',
      'analyse',
      'swap',
    ]);
    expect(found.confirmTarget).toBe(targetName);
    expect(found.confirmationToken).toMatch(/^[\w-]{43}$/);
    expect(found.impactAssessment.basis).toMatch(/^model: nothing was restored here yet/);
    expect(found.schemaDiff).toMatchObject({
      isComplete: true,
      appearing: { total: 0 },
      vanishing: { total: 0 },
      changing: { total: 0 },
    });
    const [row] = await stack.metadata.query<{ stored: string }>(
      `SELECT string_agg(token_hash, ' ') AS stored FROM confirmation_tokens`,
    );
    expect(row?.stored).not.toContain(found.confirmationToken as string);
  });

  describe('of a target that has gone on', () => {
    afterAll(async () => {
      await target(
        'DROP TABLE since; ALTER TABLE categories DROP COLUMN added_since; DROP INDEX since_index',
      );
      await target(`DELETE FROM never_used WHERE note = 'new'`);
    });

    it('tells what appears, vanishes and changes, and the rows that would be lost with why', async () => {
      await target('CREATE TABLE since (id integer); INSERT INTO since VALUES (1), (2)');
      await target('ALTER TABLE categories ADD COLUMN added_since text');
      await target('CREATE INDEX since_index ON threads (title)');
      await target(`INSERT INTO never_used VALUES (1, 'new')`);
      const found = await validate();
      const named = (objects: { kind: string; name: string }[] | undefined) =>
        objects?.map(({ kind, name }) => `${kind} ${name}`).sort();
      expect(named(found.schemaDiff.vanishing.objects)).toEqual(['INDEX since_index', 'TABLE since']);
      expect(named(found.schemaDiff.changing?.objects)).toEqual(['TABLE categories']);
      const { tables, dataLossRisk, dataLossReason } = found.impactAssessment;
      const rowsOf = (name: string) => tables.find((table) => table.name === name);
      expect(rowsOf('since')).toMatchObject({ rowsNow: 2, rowsInBackup: null });
      expect(rowsOf('never_used')).toMatchObject({ rowsNow: 1, rowsInBackup: 0 });
      expect(dataLossRisk).toBe('High');
      expect(dataLossReason).toContain('public.never_used');
    });

    it('counts rows whose time is later than the backup', async () => {
      await target(
        `INSERT INTO users (uid, username, email, created_at) VALUES (gen_random_uuid(), 'later', 'later@example.org', now())`,
      );
      try {
        const found = await validate();
        expect(found.impactAssessment.tables.find(({ name }) => name === 'users')?.newerRows).toMatchObject({
          column: expect.stringContaining('created_at'),
          count: 1,
        });
        expect(found.impactAssessment.dataLossReason).toContain('came or changed after');
      } finally {
        await target(`DELETE FROM users WHERE username = 'later'`);
      }
    });
  });

  it('names who is connected, by user and application', async () => {
    const session = new Client({ connectionString: stack.target?.url as string, application_name: 'a shop' });
    await session.connect();
    try {
      const found = await validate();
      expect(found.impactAssessment.sessions).toContainEqual({
        user: 'holdfast',
        application: 'a shop',
        count: 1,
      });
      expect(found.impactAssessment.userImpact).toMatch(/sessions are ended/);
    } finally {
      await session.end();
    }
  });

  it.each([
    [
      'a prepared transaction',
      `BEGIN; CREATE TABLE prepared (); PREPARE TRANSACTION 'waits'`,
      `ROLLBACK PREPARED 'waits'`,
      'waits',
    ],
    ['a publication', 'CREATE PUBLICATION shop FOR TABLE users', 'DROP PUBLICATION shop', 'shop'],
  ])('lets nobody swap while there is %s, and says what to do', async (_what, make, remove, name) => {
    await queryOnce(stack.target?.url as string, make);
    try {
      const found = await validate({ strategy: 'swap' });
      expect(found).toMatchObject({ confirmationToken: null, validation: { valid: false } });
      expect(found.plan.blockers).toEqual([
        expect.objectContaining({
          detail: expect.stringContaining(name),
          remediation: expect.stringMatching(/\w/),
        }),
      ]);
    } finally {
      await queryOnce(stack.target?.url as string, remove);
    }
  });

  it('restores into a new database without touching anything, and never without a safety backup unless told why', async () => {
    const found = await validate({ targetDatabase: `${targetName}_new` });
    expect(found.plan).toMatchObject({ strategy: 'new_database', possibleStrategies: ['new_database'] });
    expect(found.plan.steps.map(({ name }) => name)).not.toContain('pre_backup');
    expect(found.impactAssessment).toMatchObject({
      estimatedDowntime: 'none',
      dataLossRisk: 'Low',
      sessions: [],
    });
    const refused = await send<ProblemAnswer>({ createPreBackup: false });
    expect([refused.status, refused.body.code, refused.body.errors?.[0]?.path]).toEqual([
      400,
      'VALIDATION_FAILED',
      '/preBackupWaiverReason',
    ]);
    const waived = await validate({ createPreBackup: false, preBackupWaiverReason: 'It cannot be dumped' });
    expect(waived.warnings.join()).toContain('It cannot be dumped');
  });

  it.each<[string, Partial<RestoreOptions>, string]>([
    ['an unknown field', { sudo: true } as object, '/sudo'],
    ['tables without a selective restore', { includedTables: ['posts'] }, '/restoreType'],
    ['a selective restore of nothing', { restoreType: 'selective' }, '/includedTables'],
    ['an unknown table', { restoreType: 'selective', includedTables: ['postz'] }, '/includedTables/0'],
    [
      'one table both ways',
      { restoreType: 'selective', includedTables: ['posts'], excludedTables: ['posts'] },
      '/excludedTables',
    ],
    [
      'a swap of some tables',
      { restoreType: 'selective', includedTables: ['posts'], strategy: 'swap' },
      '/strategy',
    ],
    ['a waiver without need', { preBackupWaiverReason: 'just because' }, '/preBackupWaiverReason'],
    ['a name with NUL', { targetDatabase: 'a\0b' }, '/targetDatabase'],
  ])('%s is refused by name', async (_what, options, field) => {
    const { status, body } = await send<ProblemAnswer>(options);
    expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(body.errors?.map((error) => error.path)).toContain(field);
  });

  it('takes the partitions with a partitioned table, and offers only what can do it', async () => {
    const found = await validate({ restoreType: 'selective', includedTables: ['audit_events'] });
    expect(found.plan).toMatchObject({ strategy: 'in_place', possibleStrategies: ['in_place'] });
    expect(found.impactAssessment.affectedTables).toEqual([
      'public.audit_events_2026_01',
      'public.audit_events_2026_02',
      'public.audit_events_2026_03',
      'public.audit_events_other',
    ]);
  });

  it("refuses Holdfast's own database, a backup that is not there, and a target that cannot be reached", async () => {
    const own = await send<ProblemAnswer>({ targetDatabase: stack.metadata.name });
    expect([own.status, own.body.code]).toEqual([422, 'INVALID_CONFIG']);
    const none = await send<ProblemAnswer>({ sourceBackupId: 999 });
    expect([none.status, none.body.code]).toEqual([404, 'BACKUP_NOT_FOUND']);
    await stack.metadata.query(
      `INSERT INTO databases (name, host, port, database_name, username, ssl_mode) VALUES ('away', '127.0.0.1', 1, 'x', 'x', 'disable')`,
    );
    const [{ id } = { id: 0 }] = await stack.metadata.query<{ id: number }>(
      `SELECT id FROM databases WHERE name = 'away'`,
    );
    const away = await send<ProblemAnswer>({ targetDatabaseId: id });
    expect([away.status, away.body.code]).toEqual([502, 'CONNECTION_FAILED']);
    expect(away.body.remediation).toMatch(/\w/);
  });

  describe('of a role with few rights', () => {
    const role = `few_${process.pid}`;
    let id: number;
    beforeAll(async () => {
      await target(`CREATE ROLE ${role} LOGIN PASSWORD 'few'`);
      const url = new URL(stack.target?.url as string);
      const entry = await client.post<{ id: number }>('/databases', {
        name: 'few rights',
        host: url.hostname,
        port: Number(url.port),
        databaseName: 'postgres',
        username: role,
        password: 'few',
      });
      id = entry.id;
    });
    afterAll(async () => {
      await target(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    });

    it('names each right that is missing, and how to grant it', async () => {
      const found = await validate({ targetDatabaseId: id, targetDatabase: targetName });
      expect(found).toMatchObject({ validation: { valid: false }, confirmationToken: null });
      expect(found.plan.possibleStrategies).toEqual([]);
      expect(blockers(found).join(' ')).toMatch(/may not create databases.*does not own the database/);
      expect(found.plan.blockers.map(({ remediation }) => remediation).join(' ')).toContain('CREATEDB');
      expect(found.plan.impossibleStrategies.find(({ strategy }) => strategy === 'in_place')?.reason).toMatch(
        /does not own/,
      );
    });
  });

  describe('of a file that is not what was stored', () => {
    let file: string;
    beforeAll(() => {
      file = stack.storedPath(backup);
    });
    afterEach(async () => {
      await rename(`${file}.kept`, file).catch(() => undefined);
    });

    it.each<[string, () => Promise<void>, string]>([
      ['missing', async () => await rename(file, `${file}.kept`), 'BACKUP_NOT_FOUND'],
      [
        'truncated',
        async () => {
          await copyAside(file);
          await truncate(file, 100);
        },
        'FILE_CORRUPTION',
      ],
      [
        'longer',
        async () => {
          await copyAside(file);
          await appendFile(file, 'x');
        },
        'FILE_CORRUPTION',
      ],
      [
        'empty',
        async () => {
          await copyAside(file);
          await writeFile(file, '');
        },
        'FILE_CORRUPTION',
      ],
      ['flipped in one bit', async () => await flipBit(file), 'FILE_CORRUPTION'],
    ])('%s: no token, and the reason', async (_what, harm, code) => {
      await harm();
      const found = await validate();
      expect(found).toMatchObject({ validation: { valid: false }, confirmationToken: null });
      expect(found.plan.blockers.map((blocker) => blocker.code)).toContain(code);
    });

    it('a manifest of somebody else: the same', async () => {
      const manifest = `${file}.manifest.json`;
      await copyAside(manifest);
      try {
        const text = await readFile(manifest, 'utf8');
        await writeFile(manifest, text.replace(/"displayName":\s*"[^"]*"/, '"displayName":"Other"'));
        const found = await validate();
        expect(found.plan.blockers.map(({ code }) => code)).toEqual(['FILE_CORRUPTION']);
      } finally {
        await rename(`${manifest}.kept`, manifest);
      }
    });
  });

  it('restores nothing that was made elsewhere and that nobody trusts', async () => {
    await stack.metadata.query('UPDATE admin_backups SET is_trusted = false WHERE id = $1', [backup.id]);
    try {
      const found = await validate();
      expect(found.plan.blockers.map(({ code }) => code)).toEqual(['APPROVAL_REQUIRED']);
      expect(found.confirmationToken).toBeNull();
    } finally {
      await stack.metadata.query('UPDATE admin_backups SET is_trusted = true WHERE id = $1', [backup.id]);
    }
  });

  it('names a client with known flaws where the backup was made elsewhere, unless somebody allows it', async () => {
    await stack.metadata.query(`UPDATE admin_backups SET is_manifest_signed = false WHERE id = $1`, [
      backup.id,
    ]);
    try {
      const found = await validate();
      const allowed = await validate({ allowUnpatchedClient: true });
      const [flawed] = found.plan.blockers;
      // Only where the clients of this machine have a flaw is there anything to say.
      if (flawed !== undefined) {
        expect(flawed).toMatchObject({
          code: 'VERSION_MISMATCH',
          detail: expect.stringContaining('known flaws'),
        });
        expect(allowed.plan.warnings).toContainEqual(expect.objectContaining({ detail: flawed.detail }));
      }
      expect(allowed.validation.valid).toBe(true);
    } finally {
      await stack.metadata.query(`UPDATE admin_backups SET is_manifest_signed = true WHERE id = $1`, [
        backup.id,
      ]);
    }
  });

  it('takes its durations from what was measured, once a drill has measured it', async () => {
    await stack.metadata.query(
      `INSERT INTO drills (backup_id, status, completed_at, result) VALUES ($1, 'completed', now(), '{"restoreDurationMs": 5000, "verifyDurationMs": 2000}')`,
      [backup.id],
    );
    const found = await validate({ createPreBackup: false, preBackupWaiverReason: 'For the figure' });
    expect(found.impactAssessment.basis).toBe('median of 1 drills and restores of this database, by size');
    expect(found.estimatedDuration).toBe(7);
  });
});

async function copyAside(file: string): Promise<void> {
  await copyFile(file, `${file}.kept`);
}

async function flipBit(file: string): Promise<void> {
  await copyAside(file);
  const bytes = await readFile(file);
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}
