/** The HTTP API: signing in, creating, listing, deleting, and every way of being refused. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import { type Answer, type ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

interface Page {
  readonly items: BackupView[];
  readonly pagination: {
    total: number;
    totalPages: number;
    page: number;
    limit: number;
    nextCursor: string | null;
  };
}

describe('the API', () => {
  let stack: TestStack;
  let client: TestClient;
  const as: Record<string, TestClient> = {};

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    for (const role of ['user', 'mod', 'admin']) {
      await stack.metadata.query(
        `INSERT INTO users (email, username, role, password_hash) SELECT $1 || '@example.org', $1 || '-user', $1, password_hash FROM users WHERE role = 'super-admin'`,
        [role],
      );
      as[role] = await TestClient.signIn(client.url, `${role}@example.org`, 'correct horse battery');
    }
  });
  afterAll(async () => await stack.destroy());

  const expectProblem = (answer: Answer<unknown>, status: number, code: string): ProblemAnswer => {
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const body = answer.body as ProblemAnswer;
    expect([body.remediation.length > 5, body.detail.length > 5, body.requestId.length]).toEqual([
      true,
      true,
      36,
    ]);
    return body;
  };

  describe('signing in', () => {
    it('answers a token and a session cookie that both work, until signing out', async () => {
      const answer = await new TestClient(client.url, '').send<{ token: string; user: { role: string } }>(
        'POST',
        '/api/auth/login',
        { body: { email: 'ADMIN@localhost', password: 'correct horse battery' } },
      );
      expect(answer).toMatchObject({
        status: 200,
        body: { user: { role: 'super-admin', email: 'admin@localhost' } },
      });
      const cookie = answer.headers.get('set-cookie') as string;
      expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
      const anonymous = new TestClient(client.url, '');
      const withCookie = { headers: { cookie: cookie.split(';')[0] as string } };
      expect((await anonymous.send('GET', '/api/auth/me', withCookie)).status).toBe(200);
      expectProblem(
        await anonymous.send('POST', '/api/auth/logout', {
          headers: { ...withCookie.headers, origin: 'https://evil.example' },
        }),
        403,
        'FORBIDDEN',
      );
      const signedIn = new TestClient(client.url, answer.body.token);
      expect((await signedIn.send('POST', '/api/auth/logout')).status).toBe(204);
      expectProblem(await signedIn.send('GET', '/api/auth/me'), 401, 'UNAUTHENTICATED');
    });

    it('refuses a wrong password and an unknown e-mail with the same words, and locks after five', async () => {
      const attempt = (email: string) =>
        new TestClient(client.url, '').send<ProblemAnswer>('POST', '/api/auth/login', {
          body: { email, password: 'wrong' },
        });
      const wrong = expectProblem(await attempt('user@example.org'), 401, 'UNAUTHENTICATED');
      const unknown = expectProblem(await attempt('nobody@example.org'), 401, 'UNAUTHENTICATED');
      expect(wrong.detail).toBe(unknown.detail);
      for (let count = 0; count < 4; count += 1) {
        await attempt('user@example.org');
      }
      expectProblem(await attempt('user@example.org'), 429, 'RATE_LIMITED');
      await stack.metadata.query(`UPDATE users SET locked_until = NULL, failed_sign_ins = 0`);
    });

    it.each([
      ['no token', '', 401],
      ['a token with alg none', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwic2lkIjoiMSJ9.', 401],
      ['nonsense', 'abc', 401],
    ])('refuses %s on every route that is not open', async (_what, token, status) => {
      const stranger = new TestClient(client.url, token);
      for (const [method, path] of [
        ['GET', '/backups'],
        ['POST', '/backups'],
        ['GET', '/backups/1'],
        ['DELETE', '/backups/1'],
        ['POST', '/backups/1/cancel'],
        ['POST', '/backups/1/drill'],
        ['POST', '/backups/1/verify'],
        ['POST', '/backups/1/download-link'],
        ['GET', '/backups/1/download'],
        ['GET', '/backups/1/contents'],
        ['GET', '/verifications'],
        ['GET', '/drills'],
        ['GET', '/api/auth/me'],
      ] as const) {
        expectProblem(
          await stranger.send(method, path, method === 'POST' ? { body: {} } : {}),
          status,
          'UNAUTHENTICATED',
        );
      }
    });

    it('lets each role do what the permission table says and no more', async () => {
      const statuses = async (who: string) => [
        (await (as[who] as TestClient).send('GET', '/backups')).status,
        (await (as[who] as TestClient).send('POST', '/backups', { body: { displayName: '' } })).status,
        (await (as[who] as TestClient).send('DELETE', '/backups/999')).status,
        (await (as[who] as TestClient).send('POST', '/backups/999/drill')).status,
      ];
      expect(await statuses('user')).toEqual([403, 403, 403, 403]);
      expect(await statuses('mod')).toEqual([200, 400, 403, 403]);
      expect(await statuses('admin')).toEqual([200, 400, 404, 404]);
    });
  });

  describe('bad input', () => {
    it.each<[string, unknown, string]>([
      ['an unknown field', { displayName: 'x', sudo: true }, '/sudo'],
      ['no name', {}, '/'],
      ['a blank name', { displayName: '   ' }, '/displayName'],
      ['a name with NUL', { displayName: 'a\0b' }, '/displayName'],
      ['10 kB of name', { displayName: 'x'.repeat(10_000) }, '/displayName'],
      ['an unknown type', { displayName: 'x', backupType: 'most' }, '/backupType'],
      ['a tag that climbs', { displayName: 'x', tags: ['../../etc'] }, '/tags/0'],
      ['a tag with a slash', { displayName: 'x', tags: ['a/b'] }, '/tags/0'],
      ['a gzip level of 12', { displayName: 'x', compressionLevel: 12 }, '/compressionLevel'],
      [
        'a level without compression',
        { displayName: 'x', compressionType: 'none', compressionLevel: 3 },
        '/compressionLevel',
      ],
      ['a selection for a full backup', { displayName: 'x', includedTables: ['posts'] }, '/backupType'],
      [
        'a table both included and excluded',
        { displayName: 'x', backupType: 'selective', includedTables: ['posts'], excludedTables: ['posts'] },
        '/excludedTables',
      ],
      ['a prototype', JSON.parse('{"displayName": "x", "__proto__": {"isProtected": true}}'), '/__proto__'],
    ])('%s is refused by name, and nothing is made', async (_what, body, path) => {
      const before = await stack.metadata.query('SELECT count(*) FROM admin_backups');
      const answer = await client.send('POST', '/backups', {
        body: path === '/__proto__' ? '{"displayName": "x", "__proto__": {"isProtected": true}}' : body,
      });
      const problem = expectProblem(answer, 400, 'VALIDATION_FAILED');
      if (path !== '/__proto__') {
        expect(problem.errors?.map((error) => error.path)).toContain(path);
      }
      expect(await stack.metadata.query('SELECT count(*) FROM admin_backups')).toEqual(before);
    });

    it.each(['0', '-1', '9007199254740992', '1e9', 'abc', '1.5', '%00', '2147483648'])(
      'an id of %s names no backup',
      async (id) => {
        const answer = await client.send<ProblemAnswer>('GET', `/backups/${id}`);
        expect([400, 404]).toContain(answer.status);
        expect(answer.body.code).toMatch(/VALIDATION_FAILED|BACKUP_NOT_FOUND/);
      },
    );

    it.each([
      ['startDate=2026-02-01T00:00:00Z&endDate=2026-01-01T00:00:00Z', '/startDate'],
      ['limit=0', '/limit'],
      ['limit=101', '/limit'],
      ['status=done', '/status/0'],
      ['cursor=abc', '/cursor'],
      ['colour=red', '/colour'],
      ['startDate=yesterday', '/startDate'],
    ])('a list asked for with %s is refused', async (query, path) => {
      expect(
        expectProblem(await client.send('GET', `/backups?${query}`), 400, 'VALIDATION_FAILED').errors?.map(
          (error) => error.path,
        ),
      ).toContain(path);
    });

    it('a body of 2 MiB, or none that is JSON, or an address that does not exist', async () => {
      expectProblem(
        await client.send('POST', '/backups', {
          body: JSON.stringify({ displayName: 'x'.repeat(2 * 1024 * 1024) }),
        }),
        400,
        'VALIDATION_FAILED',
      );
      expectProblem(
        await client.send('POST', '/backups', { body: '{"displayName": ' }),
        400,
        'VALIDATION_FAILED',
      );
      expectProblem(await client.send('GET', '/nowhere'), 404, 'NOT_FOUND');
    });
  });

  describe('lists', () => {
    const total = 57;

    beforeAll(async () => {
      await stack.metadata.query(`
        INSERT INTO admin_backups (filename, file_path, display_name, description, backup_type, source, database_name, database_id, tags, created_at, status, file_size)
        SELECT 'f' || n, 'manual/f' || n, CASE WHEN n % 10 = 0 THEN 'Before the migration ' || n ELSE 'Nightly ' || n END, CASE WHEN n = 7 THEN 'the elephant in the room' END,
          CASE WHEN n % 3 = 0 THEN 'schema' ELSE 'full' END, CASE WHEN n % 2 = 0 THEN 'scheduled' ELSE 'manual' END, 'forum', 1,
          CASE WHEN n % 5 = 0 THEN '["weekly", "keep"]'::jsonb ELSE '["daily"]' END, timestamptz '2026-01-01' + n / 3 * interval '1 day', 'failed', n * 10
        FROM generate_series(1, ${total}) n`);
    });

    const list = async (query: string): Promise<Page> => await client.get<Page>(`/backups?${query}`);

    it('page by number and by cursor to the same rows, each once, even where dates are equal', async () => {
      const byNumber: number[] = [];
      for (let page = 1; page <= 6; page += 1) {
        byNumber.push(...(await list(`limit=10&page=${page}`)).items.map((backup) => backup.id));
      }
      const byCursor: number[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Page = await list(`limit=10${cursor === '' ? '' : `&cursor=${cursor}`}`);
        byCursor.push(...page.items.map((backup) => backup.id));
        cursor = page.pagination.nextCursor;
      }
      expect(byCursor).toEqual(byNumber);
      expect(new Set(byCursor).size).toBe(total);
      expect((await list('limit=10')).pagination).toMatchObject({ total, totalPages: 6, page: 1, limit: 10 });
    });

    it.each([
      ['backupType=schema', 19],
      ['source=scheduled&source=manual', total],
      ['source=scheduled', 28],
      ['status=failed', total],
      ['status=completed', 0],
      ['tags=weekly&tags=keep', 11],
      ['tags=weekly&tags=daily', 0],
      ['search=migrations', 5],
      ['search=elephant', 1],
      ['search=%22before the%22 migration', 5],
      ['startDate=2026-01-10T00:00:00Z&endDate=2026-01-12T00:00:00Z', 9],
      ['backupType=full&source=manual&tags=daily', 15],
    ])('filter by %s', async (query, count) => {
      expect((await list(`${query}&limit=1`)).pagination.total).toBe(count);
    });

    it.each(['createdAt', 'displayName', 'fileSize', 'duration'])(
      'sort by %s either way, by cursor too',
      async (sortBy) => {
        for (const sortOrder of ['asc', 'desc']) {
          const whole = (await list(`limit=100&sortBy=${sortBy}&sortOrder=${sortOrder}`)).items.map(
            (backup) => backup.id,
          );
          const first = await list(`limit=30&sortBy=${sortBy}&sortOrder=${sortOrder}`);
          const second = await list(
            `limit=30&sortBy=${sortBy}&sortOrder=${sortOrder}&cursor=${first.pagination.nextCursor}`,
          );
          expect([...first.items, ...second.items].map((backup) => backup.id)).toEqual(whole);
        }
      },
    );
  });

  describe('deleting', () => {
    beforeAll(async () => {
      await stack.startWorker();
    });

    it('removes file and manifest, keeps the row for the record and hides it', async () => {
      const backup = await stack.backUp(client);
      const drill = await stack.drill(client, backup.id);
      expect(drill.status).toBe('completed');
      expect((await client.send('DELETE', `/backups/${backup.id}`)).status).toBe(202);
      await stack.untilStatus('admin_backups', backup.id, ['deleted']);
      expect(await stack.storedFiles()).toEqual([]);
      expectProblem(await client.send('GET', `/backups/${backup.id}`), 404, 'BACKUP_NOT_FOUND');
      expectProblem(await client.send('DELETE', `/backups/${backup.id}`), 404, 'BACKUP_NOT_FOUND');
    });

    it('is refused while it is protected, and while it waits', async () => {
      const kept = await stack.backUp(client, { isProtected: true });
      expectProblem(await client.send('DELETE', `/backups/${kept.id}`), 409, 'PROTECTED');
      await stack.metadata.query('UPDATE backup_settings SET max_concurrent_operations = 1');
      await stack.metadata.query(`INSERT INTO drills (backup_id) VALUES (${kept.id})`);
      await stack.metadata.query('UPDATE admin_backups SET is_protected = false WHERE id = $1', [kept.id]);
      const answer = await client.send<ProblemAnswer>('DELETE', `/backups/${kept.id}`);
      // The drill may have been quick: then the deletion is rightly accepted.
      expect([202, 409]).toContain(answer.status);
      await until(
        async () =>
          (await stack.metadata.query(`SELECT 1 FROM drills WHERE status IN ('pending', 'running')`))
            .length === 0,
      );
    });
  });

  it('describes itself in OpenAPI 3.1, with every route of ours and what it answers', async () => {
    const { body } = await client.send<{
      openapi: string;
      paths: Record<string, Record<string, { responses: object }>>;
    }>('GET', '/api/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/api/auth/login',
        '/api/admin/backup-restore/backups/{id}/progress',
        '/health/ready',
      ]),
    );
    for (const operations of Object.values(body.paths)) {
      for (const operation of Object.values(operations)) {
        expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      }
    }
    expect((await fetch(`${client.url}/api/docs`)).status).toBe(200);
  });

  it('is live and ready without signing in', async () => {
    const anonymous = new TestClient(client.url, '');
    expect((await anonymous.send('GET', '/health/live')).body).toEqual({ status: 'live' });
    expect((await anonymous.send('GET', '/health/ready')).body).toEqual({
      status: 'ready',
      database: 'up',
      redis: 'up',
    });
  });

  it('keeps an audit trail of all of it', async () => {
    const actions = await stack.metadata.query<{ action: string }>(
      'SELECT DISTINCT action FROM audit_log ORDER BY 1',
    );
    expect(actions.map((row) => row.action)).toEqual(
      expect.arrayContaining([
        'auth.sign-in',
        'auth.sign-out',
        'backup.completed',
        'backup.create',
        'backup.delete',
        'backup.deleted',
        'drill.completed',
        'drill.create',
        'user.create',
      ]),
    );
  });
});
