/** What is in no backup: found and named with a remedy; and a backup that would silently lack rows is refused before a byte is written. */
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { CoverageFinding, CoverageReport } from '@holdfast/contracts/coverage';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { signInAs } from '@holdfast/testkit/users';

jest.setTimeout(90_000);

describe('coverage', () => {
  let stack: TestStack;
  let client: TestClient;
  let other: TestDatabase;
  let unregistered: TestDatabase;
  let role: string;
  let databaseId: number;
  let silent: Server;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0, connection_timeout: 1 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    other = await createTestDatabase('template0');
    unregistered = await createTestDatabase('template0');
    role = `reader_${other.name}`;
    await other.query(`
      CREATE ROLE ${role} LOGIN PASSWORD 'secret';
      CREATE TABLE open (id int); INSERT INTO open SELECT generate_series(1, 100);
      CREATE TABLE hidden (id int); INSERT INTO hidden SELECT generate_series(1, 1000);
      ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
      CREATE POLICY first_ones ON hidden USING (id <= 100);
      CREATE TABLE closed (id serial PRIMARY KEY);
      CREATE UNLOGGED TABLE fleeting (id int);
      CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
      CREATE FOREIGN TABLE far (id int) SERVER elsewhere;
      SELECT lo_from_bytea(0, 'large');
      GRANT SELECT ON open, hidden, fleeting, far TO ${role};`);
    const url = new URL(other.url);
    const body = {
      name: 'Other',
      host: url.hostname,
      port: Number(url.port),
      databaseName: other.name,
      username: role,
      password: 'secret',
    };
    databaseId = (await client.post<{ id: number }>('/databases', body)).id;
    silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    silent.unref();
    const { port } = silent.address() as AddressInfo;
    await client.post('/databases', { ...body, name: 'Silent', port });
  });
  afterAll(async () => {
    silent.close();
    await stack.destroy();
    await other.query(`DROP OWNED BY ${role}`);
    await other.query(`DROP ROLE ${role}`);
    await other.drop();
    await unregistered.drop();
  });

  const findings = (report: CoverageReport, databaseName: string | null): Record<string, CoverageFinding> =>
    Object.fromEntries(
      report.servers
        .flatMap((server) => server.findings)
        .filter((finding) => finding.databaseName === databaseName)
        .map((finding) => [finding.kind, finding]),
    );

  it('names everything that a backup by this role would lack, each with its remedy', async () => {
    const report = await client.get<CoverageReport>('/coverage');
    const found = findings(report, other.name);
    expect(Object.keys(found).sort()).toEqual([
      'foreign_tables',
      'large_objects',
      'never_backed_up',
      'row_security',
      'unlogged_tables',
      'unreadable_tables',
    ]);
    expect(found).toMatchObject({
      unreadable_tables: {
        severity: 'critical',
        objects: ['public.closed', 'public.closed_id_seq'],
        count: 2,
      },
      row_security: {
        severity: 'critical',
        objects: ['public.hidden'],
        remediation: expect.stringContaining(`ALTER ROLE "${role}" BYPASSRLS`),
      },
      foreign_tables: { objects: ['public.far'], cause: expect.stringContaining('elsewhere') },
      unlogged_tables: { severity: 'info', objects: ['public.fleeting'] },
      large_objects: { severity: 'critical', count: 1 },
      never_backed_up: { severity: 'critical' },
    });
    for (const finding of report.servers.flatMap((server) => server.findings)) {
      expect([finding.cause.length > 20, finding.remediation.length > 20]).toEqual([true, true]);
    }
  });

  it('tells of databases that nobody registered, of roles, and not of its own', async () => {
    const report = await client.get<CoverageReport>('/coverage');
    const found = findings(report, null);
    expect(found['globals']?.count).toBeGreaterThan(1);
    expect(found['not_registered']?.severity).toBe('critical');
    const server = report.servers.find(({ databases }) => databases.some(({ databaseId: id }) => id === 1));
    const missing = server?.findings.find(({ kind }) => kind === 'not_registered');
    // Other test files have databases on this server as well, and objects names the first twenty.
    expect(missing?.count).toBeGreaterThanOrEqual(1);
    if ((missing?.count ?? 0) <= 20) {
      expect(missing?.objects).toContain(unregistered.name);
    }
    expect(missing?.objects).not.toContain(stack.metadata.name);
    expect(missing?.objects).not.toContain(other.name);
  });

  it('takes a server that says nothing for a finding, and answers all the same', async () => {
    const report = await client.get<CoverageReport>('/coverage');
    expect(report.isComplete).toBe(false);
    const server = report.servers.find(({ port }) => port === (silent.address() as AddressInfo).port);
    expect(server).toMatchObject({ serverVersion: null, databases: [{ newestBackup: null }] });
    expect(server?.findings[0]).toMatchObject({ kind: 'server_unreachable', severity: 'critical' });
  });

  it('knows the newest backup, its age and proof, and that only a part was backed up', async () => {
    const part = await stack.backUp(client, { backupType: 'schema' });
    expect(findings(await client.get('/coverage'), stack.target?.name as string)).toMatchObject({
      no_full_backup: { cause: expect.stringContaining('schema') },
    });
    const full = await stack.backUp(client, { includeGlobals: true });
    const report = await client.get<CoverageReport>('/coverage');
    expect(findings(report, stack.target?.name as string)).not.toHaveProperty('no_full_backup');
    expect(report.servers.flatMap((server) => server.findings)).not.toContainEqual(
      expect.objectContaining({ kind: 'globals' }),
    );
    const covered = report.servers
      .flatMap((server) => server.databases)
      .find(({ databaseId: id }) => id === 1);
    expect(covered).toMatchObject({
      newestBackup: { id: full.id, completedAt: full.completedAt, proofLevel: 'stored', backupType: 'full' },
      newestFullBackupAt: full.completedAt,
    });
    await stack.metadata.query(
      `UPDATE admin_backups SET completed_at = completed_at - interval '10 days' WHERE id IN (${part.id}, ${full.id})`,
    );
    expect(findings(await client.get('/coverage'), stack.target?.name as string)).toMatchObject({
      backup_old: { cause: expect.stringContaining('10 days') },
    });
  });

  it('is for moderators to read', async () => {
    const status = async (who: TestClient) => (await who.send('GET', '/coverage')).status;
    expect(await status(await signInAs(stack, client, 'user'))).toBe(403);
    expect(await status(await signInAs(stack, client, 'mod'))).toBe(200);
    expect(await status(new TestClient(client.url, ''))).toBe(401);
  });

  describe('a backup', () => {
    const nothingStored = async () => expect(await stack.storedFiles()).toEqual(before);
    let before: string[] = [];

    beforeAll(async () => {
      before = await stack.storedFiles();
    });

    it('of tables that the role may not read is refused, all of them named', async () => {
      const backup = await stack.backUp(client, { databaseId });
      expect(backup).toMatchObject({
        status: 'failed',
        errorCode: 'PERMISSION_DENIED',
        errorMessage: `Role "${role}" may not read "public.closed", "public.closed_id_seq".`,
        errorRemediation: expect.stringContaining(`GRANT SELECT ON "public"."closed" TO "${role}"`),
        retryCount: 0,
      });
      await nothingStored();
    });

    it('that row-level security would filter is refused, with table and policy remedy', async () => {
      const backup = await stack.backUp(client, {
        databaseId,
        backupType: 'selective',
        includedTables: ['open', 'hidden'],
      });
      expect(backup).toMatchObject({
        status: 'failed',
        errorCode: 'PERMISSION_DENIED',
        errorMessage: expect.stringContaining('"public.hidden"'),
        errorRemediation: expect.stringContaining('BYPASSRLS'),
      });
      await nothingStored();
    });

    it.each([
      ['leaves them out', { includedTables: ['open'] }],
      [
        'leaves them out of a schema',
        { includedSchemas: ['public'], excludedTables: ['hidden', 'closed', 'closed_id_seq'] },
      ],
    ])('that %s is taken', async (_how, selection) => {
      expect(await stack.backUp(client, { databaseId, backupType: 'selective', ...selection })).toMatchObject(
        {
          status: 'completed',
          errorMessage: null,
        },
      );
    });

    it('of a schema alone needs no rows, but the right to lock', async () => {
      await other.query(`GRANT SELECT ON closed TO ${role}`);
      expect(await stack.backUp(client, { databaseId, backupType: 'schema' })).toMatchObject({
        status: 'completed',
        errorMessage: null,
      });
    });

    it('by a role that bypasses row security has every row', async () => {
      await other.query(`ALTER ROLE ${role} BYPASSRLS`);
      const backup = await stack.backUp(client, {
        databaseId,
        backupType: 'selective',
        includedTables: ['hidden'],
      });
      expect(backup.errorMessage).toBeNull();
      const { tables } = await client.get<{ tables: { name: string; rows: number }[] }>(
        `/backups/${backup.id}/manifest`,
      );
      expect(tables).toMatchObject([{ name: 'hidden', rows: 1000 }]);
    });

    it("of Holdfast's own metadata database is refused, though nobody could tell when it was registered", async () => {
      const url = new URL(stack.metadata.url);
      const forwarder = createServer((socket) => {
        const onward = connect(Number(url.port), url.hostname);
        onward.on('error', () => undefined);
        socket.on('error', () => undefined);
        socket.pipe(onward).pipe(socket);
      });
      const listen = async (port: number): Promise<number> => {
        await new Promise<void>((resolve) => forwarder.listen(port, '127.0.0.1', resolve));
        return (forwarder.address() as AddressInfo).port;
      };
      // A port of which is known that nobody listens there yet.
      const port = await listen(0);
      await new Promise((resolve) => forwarder.close(resolve));
      const { id } = await client.post<{ id: number }>('/databases', {
        name: 'Disguised',
        host: '127.0.0.1',
        port,
        databaseName: stack.metadata.name,
        username: url.username,
        password: url.password,
      });
      await listen(port);
      forwarder.unref();
      expect(await stack.backUp(client, { databaseId: id })).toMatchObject({
        status: 'failed',
        errorCode: 'INVALID_CONFIG',
        errorMessage: expect.stringContaining('metadata'),
      });
      expect((await client.send('POST', `/databases/${id}/test`)).body).toMatchObject({
        code: 'INVALID_CONFIG',
      });
      forwarder.close();
    });
  });
});
