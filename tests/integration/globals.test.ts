/** Roles and tablespaces beside a backup: whole, without password hashes unless asked for, restorable by psql, deleted with it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';
import { queryOnce } from '@holdfast/testkit/databases';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { type OwnPostgres, startOwnPostgres } from '@holdfast/testkit/own-postgres';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(90_000);

const database = `app = 'odd' \\ name`;

describe('a backup with globals', () => {
  let folder: string;
  let binDir: string;
  const servers: OwnPostgres[] = [];
  let stack: TestStack;
  let client: TestClient;

  async function startServer(): Promise<PrivatePostgres> {
    const own = await startOwnPostgres({ fsync: 'off' });
    servers.push(own);
    return own.server;
  }

  beforeAll(async () => {
    folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'globals-'));
    binDir = (await findPrograms())?.postgresBinDir as string;
    const source = await startServer();
    await source.createDatabase(database);
    await queryOnce(
      source.url('postgres'),
      `CREATE ROLE "app owner" LOGIN PASSWORD 'a secret of the app'; CREATE ROLE readers NOLOGIN; GRANT readers TO "app owner";
       ALTER ROLE "app owner" SET statement_timeout = '5min'; COMMENT ON ROLE readers IS 'Who may read'`,
    );
  });
  afterAll(async () => {
    await Promise.all(servers.map(({ destroy }) => destroy()));
    await rm(folder, { recursive: true, force: true });
  });

  async function startStack(user?: string, workerEnv: Record<string, string> = {}): Promise<void> {
    const url = new URL((servers[0] as OwnPostgres).server.url(database));
    if (user !== undefined) {
      url.username = encodeURIComponent(user);
      url.password = encodeURIComponent('a secret of the app');
    }
    stack = await TestStack.create({ targetUrl: url.href, settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker(workerEnv);
  }
  afterEach(async () => await stack.destroy());

  async function backUp(input: Partial<CreateBackup>): Promise<[BackupView, string, Manifest]> {
    const backup = await stack.backUp(client, { includeGlobals: true, ...input });
    expect(backup.errorMessage).toBeNull();
    const manifest = await client.get<Manifest>(`/backups/${backup.id}/manifest`);
    const bytes = await readFile(path.join(stack.storageDir, manifest.globals?.path as string));
    const decompress = { none: (data: Buffer) => data, gzip: gunzipSync, zstd: zstdDecompressSync };
    return [backup, decompress[backup.compressionType](bytes).toString(), manifest];
  }

  it.each([
    ['none', ''],
    ['gzip', '.gz'],
    ['zstd', '.zst'],
  ] as const)(
    '(%s) has them in a file of their own that psql restores, and no hash in it',
    async (compressionType, suffix) => {
      await startStack();
      const [backup, script, manifest] = await backUp({ compressionType });
      const file = `${backup.filePath}.globals.sql${suffix}`;
      expect(await stack.storedFiles()).toEqual([backup.filePath, file, `${backup.filePath}.manifest.json`]);
      expect(manifest.globals).toMatchObject({ path: file, includesRolePasswords: false });
      const sum = await runCommand('sha256sum', [path.join(stack.storageDir, file)]);
      expect(sum.slice(0, 64)).toBe(manifest.globals?.sha256);
      expect(script).toContain('CREATE ROLE "app owner"');
      expect(script).not.toMatch(/PASSWORD|SCRAM|md5/);
      expect(await stack.drill(client, backup.id)).toMatchObject({ result: { isEqual: true } });

      if (compressionType === 'zstd') {
        const other = await startServer();
        const plain = path.join(stack.folder, 'globals.sql');
        // The role that restores is there already; everything else is new.
        await writeFile(plain, script.replace(/^CREATE ROLE holdfast;$/m, ''));
        await runCommand(`${binDir}/psql`, [
          '-X',
          '-v',
          'ON_ERROR_STOP=1',
          '-f',
          plain,
          other.url('postgres'),
        ]);
        expect(
          await queryOnce(
            other.url('postgres'),
            `SELECT rolname, rolcanlogin, rolconfig, shobj_description(oid, 'pg_authid') AS comment, pg_has_role(oid, 'readers', 'member') AS "isReader"
           FROM pg_roles WHERE rolname IN ('app owner', 'readers') ORDER BY 1`,
          ),
        ).toMatchObject([
          { rolname: 'app owner', rolcanlogin: true, rolconfig: ['statement_timeout=5min'], isReader: true },
          { rolname: 'readers', rolcanlogin: false, comment: 'Who may read' },
        ]);
      }
    },
  );

  it('has the hashes where they are asked for, and never in the row, the manifest or the log', async () => {
    await startStack();
    const [backup, script, manifest] = await backUp({ includeRolePasswords: true });
    expect(script).toMatch(/ALTER ROLE "app owner".*PASSWORD 'SCRAM-SHA-256/);
    expect(manifest.globals?.includesRolePasswords).toBe(true);
    const said = JSON.stringify([backup, manifest, stack.processes.map((one) => one.lines)]);
    expect(said).not.toContain('SCRAM-SHA-256$');
  });

  it('by a role that is no superuser holds the roles; its hashes are refused with PERMISSION_DENIED, and nothing stays', async () => {
    await startStack('app owner');
    const [, script] = await backUp({});
    expect(script).toContain('CREATE ROLE readers');
    const before = await stack.storedFiles();
    const refused = await stack.backUp(client, { includeGlobals: true, includeRolePasswords: true });
    expect(refused).toMatchObject({ status: 'failed', errorCode: 'PERMISSION_DENIED' });
    expect(refused.errorMessage).toContain('pg_authid');
    expect(refused.errorRemediation).toContain('superuser');
    expect(await stack.storedFiles()).toEqual(before);
  });

  it('is deleted with them, and a drill finds them damaged', async () => {
    await startStack();
    const [backup, , manifest] = await backUp({});
    await writeFile(path.join(stack.storageDir, manifest.globals?.path as string), 'DROP ROLE postgres;');
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'failed',
      errorCode: 'FILE_CORRUPTION',
      errorMessage: expect.stringContaining('.globals.sql.gz'),
    });
    await client.send('DELETE', `/backups/${backup.id}`);
    await stack.untilStatus('admin_backups', backup.id, ['deleted']);
    expect(await stack.storedFiles()).toEqual([]);
  });

  it('needs pg_dumpall: without it INVALID_CONFIG says what to install', async () => {
    const tools = await mkdtemp(path.join(folder, 'tools-'));
    await startStack(undefined, { HOLDFAST_PG_BIN_DIRS: await fakeClientDir(tools, 'warns') });
    expect(await stack.backUp(client, { includeGlobals: true })).toMatchObject({
      status: 'failed',
      errorCode: 'INVALID_CONFIG',
      errorRemediation: expect.stringContaining('postgresql-client-99'),
    });
    expect(await stack.storedFiles()).toEqual([]);
  });
});
