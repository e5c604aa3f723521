/** The registry of databases: credentials that go in and never come out, what a test says, and every way of being refused. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { DatabaseTest, DatabaseView, TableView } from '@holdfast/contracts/databases';
import { createTestDatabase, queryOnce, type TestDatabase } from '@holdfast/testkit/databases';
import { type Answer, type ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(90_000);

const canary = 'canary-5ecr3t-password';

describe('the registry of databases', () => {
  let stack: TestStack;
  let client: TestClient;
  let admin: TestClient;
  let other: TestDatabase;
  let role: string;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0, connection_timeout: 2 } });
    ({ client } = await stack.startApi());
    admin = await signInAs(stack, client, 'admin');
    other = await createTestDatabase('template0');
    role = `reader_${other.name}`;
    await other.query(`CREATE ROLE ${role} LOGIN PASSWORD '${canary}'`);
  });
  afterAll(async () => {
    await stack.destroy();
    await other.query(`DROP OWNED BY ${role}`);
    await other.query(`DROP ROLE ${role}`);
    await other.drop();
  });

  const placeOf = (url: string) => {
    const { hostname, port, pathname, username, password } = new URL(url);
    return {
      host: hostname,
      port: Number(port),
      databaseName: decodeURIComponent(pathname.slice(1)),
      username,
      password: decodeURIComponent(password),
    };
  };
  const input = (changes: object = {}) => ({ name: 'Other', ...placeOf(other.url), ...changes });
  const register = async (changes: object = {}): Promise<DatabaseView> => {
    const answer = await client.send<DatabaseView>('POST', '/databases', { body: input(changes) });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const remove = async (id: number): Promise<void> => {
    expect((await client.send('DELETE', `/databases/${id}`)).status).toBe(204);
  };
  const expectProblem = (answer: Answer<unknown>, status: number, code: string): ProblemAnswer => {
    expect(answer).toMatchObject({ status, body: { code } });
    const body = answer.body as ProblemAnswer;
    expect(body.remediation).not.toBe('');
    return body;
  };
  const audited = async (id: number): Promise<{ action: string; before: object; after: object }[]> =>
    await stack.metadata.query(
      `SELECT action, before, after FROM audit_log WHERE subject_type = 'database' AND subject_id = $1 ORDER BY id`,
      [String(id)],
    );

  it('has TARGET_DATABASE_URL as its first entry', async () => {
    const { items } = await client.get<{ items: DatabaseView[] }>('/databases');
    expect(items).toEqual([
      expect.objectContaining({
        id: 1,
        databaseName: stack.target?.name,
        origin: 'environment',
        hasPassword: true,
      }),
    ]);
    expectProblem(await client.send('DELETE', '/databases/1'), 422, 'INVALID_CONFIG');
    const { password: _password, ...same } = { ...placeOf(stack.target?.url as string) };
    expect(
      (await client.send('PUT', '/databases/1', { body: { ...same, name: 'The forum', tags: ['live'] } }))
        .body,
    ).toMatchObject({ name: 'The forum', tags: ['live'], hasPassword: true });
    expectProblem(
      await client.send('PUT', '/databases/1', { body: { ...same, name: 'The forum', port: 1 } }),
      422,
      'INVALID_CONFIG',
    );
  });

  it('keeps credentials sealed, never answers or records them, and works with them', async () => {
    const made = await register({ username: role, password: canary, tags: ['a'] });
    expect(made).toMatchObject({ name: 'Other', hasPassword: true, sslMode: 'prefer', tags: ['a'] });
    const test = await client.post<DatabaseTest>(`/databases/${made.id}/test`);
    expect(test.role).toMatchObject({ name: role, isSuperuser: false, canCreateDatabases: false });
    const { body: kept } = await client.send<DatabaseView>('PUT', `/databases/${made.id}`, {
      body: { ...input({ username: role, name: 'Renamed' }), password: undefined },
    });
    expect(kept).toMatchObject({ name: 'Renamed', hasPassword: true });
    expect((await client.send('POST', `/databases/${made.id}/test`)).status).toBe(200);
    await client.send('PUT', `/databases/${made.id}`, {
      body: input({ username: role, name: 'Renamed', password: `${canary}-wrong` }),
    });
    const refused = expectProblem(
      await client.send('POST', `/databases/${made.id}/test`),
      502,
      'CONNECTION_FAILED',
    );
    expect(refused.detail).toContain('password authentication failed');
    await remove(made.id);
    expectProblem(await client.send('GET', `/databases/${made.id}`), 404, 'NOT_FOUND');
    expect((await audited(made.id)).map(({ action }) => action)).toEqual([
      'database.create',
      'database.update',
      'database.update',
      'database.delete',
    ]);
    const everywhere = JSON.stringify([
      made,
      kept,
      refused,
      await audited(made.id),
      await stack.metadata.query('SELECT * FROM databases'),
      stack.processes.map((started) => started.lines),
    ]);
    expect(everywhere).not.toContain(canary);
    const [row] = await stack.metadata.query(
      'SELECT password_sealed, deleted_at FROM databases WHERE id = $1',
      [made.id],
    );
    expect(row).toMatchObject({ password_sealed: null, deleted_at: expect.any(Date) });
  });

  it('does not send a stored password to another server', async () => {
    const made = await register({ username: role, password: canary });
    for (const moved of [{ host: '192.0.2.1' }, { port: 1 }, { databaseName: 'postgres' }]) {
      const answer = await client.send('PUT', `/databases/${made.id}`, {
        body: { ...input({ username: role, ...moved }), password: undefined },
      });
      expect(expectProblem(answer, 400, 'VALIDATION_FAILED').errors?.[0]?.path).toBe('/password');
    }
    await remove(made.id);
  });

  it('gives a name free again, and refuses one that is taken or a database that is registered', async () => {
    const made = await register();
    expect(
      expectProblem(
        await client.send('POST', '/databases', { body: input({ databaseName: 'postgres' }) }),
        400,
        'VALIDATION_FAILED',
      ).errors?.[0]?.path,
    ).toBe('/name');
    expect(
      expectProblem(
        await client.send('POST', '/databases', { body: input({ name: 'Again' }) }),
        400,
        'VALIDATION_FAILED',
      ).detail,
    ).toContain('registered already');
    await remove(made.id);
    await remove((await register()).id);
  });

  it.each([
    ['as it is', (url: URL) => url.hostname],
    ['under another name of its host', () => 'localhost'],
  ])("refuses Holdfast's own metadata database %s", async (_how, host) => {
    const url = new URL(stack.metadata.url);
    const body = { ...input(), ...placeOf(stack.metadata.url), host: host(url) };
    const before = await stack.metadata.query('SELECT count(*) FROM databases');
    expect(
      expectProblem(await client.send('POST', '/databases', { body }), 422, 'INVALID_CONFIG').detail,
    ).toContain('metadata');
    expect(await stack.metadata.query('SELECT count(*) FROM databases')).toEqual(before);
    const made = await register();
    expectProblem(
      await client.send('PUT', `/databases/${made.id}`, { body: { ...body, name: 'Other' } }),
      422,
      'INVALID_CONFIG',
    );
    await remove(made.id);
  });

  it.each(['host=evil.example dbname=x', '--help', 'postgresql://evil.example/x', '日本 "quoted" \'db\''])(
    'backs up a database called %s: a name is a name',
    async (databaseName) => {
      await stack.startWorker();
      await queryOnce(
        other.url,
        `CREATE DATABASE "${databaseName.replaceAll('"', '""')}" TEMPLATE template0`,
      );
      try {
        const made = await register({ databaseName });
        expect(await client.post(`/databases/${made.id}/test`)).toMatchObject({ isUsable: true });
        const backup = await stack.backUp(client, { databaseId: made.id });
        expect(backup).toMatchObject({ status: 'completed', errorMessage: null, databaseName });
        await remove(made.id);
      } finally {
        await queryOnce(other.url, `DROP DATABASE "${databaseName.replaceAll('"', '""')}"`);
        await Promise.all(stack.processes.slice(1).map((worker) => worker.kill()));
      }
    },
  );

  it('leaves no database that something works on, or that a schedule backs up', async () => {
    const made = await register();
    const backupId = await client.createBackup({ databaseId: made.id });
    expect(
      expectProblem(await client.send('DELETE', `/databases/${made.id}`), 409, 'IN_USE').detail,
    ).toContain(`Backup ${backupId}`);
    expectProblem(
      await client.send('PUT', `/databases/${made.id}`, { body: input({ databaseName: 'postgres' }) }),
      409,
      'IN_USE',
    );
    await client.post(`/backups/${backupId}/cancel`);
    await stack.metadata.query(
      `INSERT INTO backup_schedules (name, cron_expression, database_id) VALUES ('nightly', '0 2 * * *', $1)`,
      [made.id],
    );
    expect(
      expectProblem(await client.send('DELETE', `/databases/${made.id}`), 409, 'IN_USE').detail,
    ).toContain('nightly');
    await stack.metadata.query('UPDATE backup_schedules SET is_active = false');
    await remove(made.id);
    expect((await client.get<{ databaseId: number }>(`/backups/${backupId}`)).databaseId).toBe(made.id);
    expectProblem(
      await client.send('POST', '/backups', { body: { displayName: 'x', databaseId: made.id } }),
      422,
      'INVALID_CONFIG',
    );
  });

  describe('a test', () => {
    it('says what the role may and may not do, and what to run about it', async () => {
      await other.query(`CREATE TABLE closed (id int); CREATE TABLE hidden (id int);
        ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; GRANT SELECT ON hidden TO ${role};
        ALTER DATABASE ${other.name} SET default_transaction_read_only = on`);
      const made = await register({ username: role, password: canary });
      const test = await client.post<DatabaseTest>(`/databases/${made.id}/test`);
      expect(test).toMatchObject({
        isUsable: false,
        serverVersion: expect.stringMatching(/^\d+\.\d+/),
        isEncrypted: false,
        isInRecovery: false,
        isReadOnly: true,
        databaseSizeBytes: expect.any(Number),
        role: {
          name: role,
          isSuperuser: false,
          canCreateDatabases: false,
          bypassesRowSecurity: false,
          ownsDatabase: false,
          canReadEveryTable: false,
        },
        unreadableTables: { count: 1, examples: ['public.closed'] },
        filteredTables: { count: 1, examples: ['public.hidden'] },
        client: { version: expect.stringMatching(/^\d+/) },
      });
      expect(test.problems.map((problem) => problem.code)).toEqual([
        'PERMISSION_DENIED',
        'PERMISSION_DENIED',
        'INVALID_CONFIG',
        'PERMISSION_DENIED',
      ]);
      expect(test.problems[1]?.remediation).toContain(`ALTER ROLE "${role}" BYPASSRLS`);
      await other.query(
        `ALTER DATABASE ${other.name} RESET default_transaction_read_only; DROP TABLE closed, hidden;`,
      );
      expect(await client.post(`/databases/${made.id}/test`)).toMatchObject({
        isUsable: true,
        isReadOnly: false,
      });
      await remove(made.id);
    });

    it.each([
      ['a port where nobody listens', { port: 1 }, 'CONNECTION_FAILED'],
      ['a host that does not exist', { host: 'nowhere.invalid' }, 'CONNECTION_FAILED'],
      ['a database that does not exist', { databaseName: 'no_such_database' }, 'CONNECTION_FAILED'],
      ['a role that does not exist', { username: 'nobody_here' }, 'CONNECTION_FAILED'],
      ['TLS from a server without it', { sslMode: 'require' }, 'CONNECTION_FAILED'],
      [
        'a certificate file that is not there',
        { sslMode: 'verify-full', sslRootCert: '/nonexistent/ca.pem' },
        'INVALID_CONFIG',
      ],
    ])('of %s fails with a code and a remedy', async (_what, changes, code) => {
      // Kept for the file to come: what can't be looked at now is registered all the same, but for what is wrong by itself.
      const answer = await client.send<DatabaseView>('POST', '/databases', { body: input(changes) });
      if (code === 'INVALID_CONFIG') {
        expectProblem(answer, 422, code);
        return;
      }
      expect(answer.status).toBe(201);
      expectProblem(await client.send('POST', `/databases/${answer.body.id}/test`), 502, code);
      await remove(answer.body.id);
    });
  });

  it('has a storage of its own for a database, which entries of the environment may be given too', async () => {
    const made = await register({ storageLocation: stack.storageDir });
    expect(made.storageLocation).toBe(stack.storageDir);
    const { password: _password, ...same } = placeOf(stack.target?.url as string);
    expect(
      (
        await client.send('PUT', '/databases/1', {
          body: { ...same, name: 'The forum', storageLocation: stack.storageDir },
        })
      ).body,
    ).toMatchObject({ storageLocation: stack.storageDir });
    await remove(made.id);
  });

  describe('tables', () => {
    it('are the live ones, searched, filtered, sorted and paged', async () => {
      const page = async (query: string) =>
        await admin.get<{ items: TableView[]; pagination: { total: number } }>(
          `/databases/1/tables?${query}`,
        );
      const all = await page('limit=100');
      expect(all.items.length).toBe(all.pagination.total);
      expect(all.items.map((table) => table.kind)).toEqual(expect.arrayContaining(['table', 'sequence']));
      const bySize = await page('sortBy=size&limit=3');
      expect(bySize.items.map((table) => table.sizeBytes)).toEqual(
        all.items
          .flatMap((table) => table.sizeBytes ?? [])
          .sort((a, b) => b - a)
          .slice(0, 3),
      );
      const first = all.items[0] as TableView;
      expect(
        (await page(`search=${encodeURIComponent(`${first.schema}.${first.name}`.toUpperCase())}`)).items,
      ).toContainEqual(first);
      expect((await page('search=%25')).pagination.total).toBe(0);
      expect((await page('kind=sequence')).items.every((table) => table.kind === 'sequence')).toBe(true);
      expect((await page(`limit=2&page=2`)).items).toEqual(all.items.slice(2, 4));
    });
  });

  it.each<[string, object, string]>([
    ['an unknown field', { sudo: true }, '/sudo'],
    ['a name of blanks', { name: '  ' }, '/name'],
    ['a name with NUL', { name: 'a\0' }, '/name'],
    ['10 kB of name', { name: 'x'.repeat(10_000) }, '/name'],
    ['a list of hosts', { host: 'a,b' }, '/host'],
    ['a host with a port', { host: 'a b' }, '/host'],
    ['a host that climbs', { host: '../etc' }, '/host'],
    ['a port of text', { port: '5432' }, '/port'],
    ['a port of null', { port: null }, '/port'],
    ['port 0', { port: 0 }, '/port'],
    ['port 65536', { port: 65_536 }, '/port'],
    ['no database', { databaseName: '' }, '/databaseName'],
    ['a database name with NUL', { databaseName: 'a\0b' }, '/databaseName'],
    ['a database name of 64 letters', { databaseName: 'x'.repeat(64) }, '/databaseName'],
    ['a role with a line break', { username: 'a\nb' }, '/username'],
    ['an unknown sslMode', { sslMode: 'maybe' }, '/sslMode'],
    ['a relative certificate file', { sslRootCert: 'ca.pem' }, '/sslRootCert'],
    ['a relative storage', { storageLocation: 'backups' }, '/storageLocation'],
    ['a tag that climbs', { tags: ['../x'] }, '/tags/0'],
  ])('%s is refused by name, and nothing changes', async (_what, changes, path) => {
    const before = await stack.metadata.query('SELECT * FROM databases');
    for (const [method, address] of [
      ['POST', '/databases'],
      ['PUT', '/databases/1'],
    ] as const) {
      const answer = await client.send<ProblemAnswer>(method, address, { body: input(changes) });
      expect(expectProblem(answer, 400, 'VALIDATION_FAILED').errors?.map((error) => error.path)).toContain(
        path,
      );
    }
    expect(await stack.metadata.query('SELECT * FROM databases')).toEqual(before);
  });

  it.each(['0', '-1', '9007199254740992', '1e9', 'abc', '2147483648', '%00'])(
    'an id of %s names no database',
    async (id) => {
      for (const [method, path] of [
        ['GET', `/databases/${id}`],
        ['DELETE', `/databases/${id}`],
        ['POST', `/databases/${id}/test`],
        ['GET', `/databases/${id}/tables`],
      ] as const) {
        expect([400, 404]).toContain((await client.send(method, path)).status);
      }
    },
  );

  it('is read by admins and written by super-admins alone', async () => {
    const mod = await signInAs(stack, client, 'mod');
    const statuses = async (who: TestClient) => [
      (await who.send('GET', '/databases')).status,
      (await who.send('GET', '/databases/1')).status,
      (await who.send('POST', '/databases/1/test')).status,
      (await who.send('GET', '/databases/1/tables')).status,
      (await who.send('POST', '/databases', { body: {} })).status,
      (await who.send('PUT', '/databases/1', { body: {} })).status,
      (await who.send('DELETE', '/databases/999')).status,
    ];
    expect(await statuses(mod)).toEqual([403, 403, 403, 403, 403, 403, 403]);
    expect(await statuses(admin)).toEqual([200, 200, 200, 200, 403, 403, 403]);
    expect(await statuses(client)).toEqual([200, 200, 200, 200, 400, 400, 404]);
    expect(await statuses(new TestClient(client.url, ''))).toEqual([401, 401, 401, 401, 401, 401, 401]);
  });
});
