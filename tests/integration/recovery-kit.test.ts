/** The recovery kit followed to the letter on an empty server, without Holdfast: the database comes back equal, owners included. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';
import { type AgeKey, createAgeKey } from '@holdfast/testkit/age-keys';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { queryOnce } from '@holdfast/testkit/databases';
import { type OwnPostgres, startOwnPostgres } from '@holdfast/testkit/own-postgres';
import { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

const role = `app's "owner" \\ one`;
const quoted = `"app's ""owner"" \\ one"`;
const database = `shop's "db" \\ one`;

describe('a recovery kit', () => {
  let folder: string;
  let binDir: string;
  let own: OwnPostgres[];
  let source: PrivatePostgres;
  let empty: PrivatePostgres;
  let stack: TestStack;
  let client: TestClient;
  let key: AgeKey;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'kit-'));
    binDir = (await findPrograms())?.postgresBinDir as string;
    own = await Promise.all([startOwnPostgres({ fsync: 'off' }), startOwnPostgres({ fsync: 'off' })]);
    [source, empty] = own.map(({ server }) => server) as [PrivatePostgres, PrivatePostgres];
    await source.createDatabase(database);
    await queryOnce(
      source.url(database),
      `CREATE ROLE ${quoted} LOGIN PASSWORD 'a secret of the app'; CREATE ROLE readers;
       CREATE SCHEMA "odd schema" AUTHORIZATION ${quoted};
       CREATE TABLE "odd schema"."it's" (id bigserial PRIMARY KEY, body text);
       ALTER TABLE "odd schema"."it's" OWNER TO ${quoted};
       GRANT SELECT ON "odd schema"."it's" TO readers;
       INSERT INTO "odd schema"."it's" (body) SELECT repeat(md5(n::text), 10) FROM generate_series(1, 2000) n;
       CREATE TABLE child (id int PRIMARY KEY, parent bigint REFERENCES "odd schema"."it's");
       INSERT INTO child SELECT n, n FROM generate_series(1, 100) n;
       SELECT lo_from_bytea(4711, 'a large object')`,
    );
    key = await createAgeKey();
    stack = await TestStack.create({ targetUrl: source.url(database), settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => {
    await stack.destroy();
    await Promise.all(own.map(({ destroy }) => destroy()));
    await rm(folder, { recursive: true, force: true });
  });

  async function unpackKit(backup: BackupView): Promise<string> {
    const response = await fetch(`${client.url}/api/admin/backup-restore/backups/${backup.id}/recovery-kit`, {
      headers: { authorization: `Bearer ${client.token}` },
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/gzip']);
    const into = await mkdtemp(path.join(folder, 'unpacked-'));
    await writeFile(path.join(into, 'kit.tar.gz'), new Uint8Array(await response.arrayBuffer()));
    await runCommand('tar', ['-xzf', path.join(into, 'kit.tar.gz'), '-C', into]);
    return path.join(into, `holdfast-recovery-kit-${backup.id}`);
  }

  async function follow(kit: string, file: string, name: string): Promise<string> {
    const server = new URL(empty.url('postgres'));
    return await runCommand('/bin/bash', [path.join(kit, 'restore.sh'), file, name], {
      env: {
        PATH: `${binDir}:/usr/bin:/bin`,
        LC_ALL: 'C.UTF-8',
        PGHOST: server.hostname,
        PGPORT: server.port,
        PGUSER: decodeURIComponent(server.username),
        PGPASSWORD: decodeURIComponent(server.password),
        AGE_IDENTITY: key.file,
      },
    });
  }

  it.each<[Partial<CreateBackup>]>([
    [{ backupFormat: 'custom', compressionType: 'zstd' }],
    [{ backupFormat: 'plain', compressionType: 'gzip' }],
    [{ backupFormat: 'tar', compressionType: 'none' }],
    [{ backupFormat: 'directory', jobs: 2, compressionType: 'zstd', includeGlobals: true }],
  ])('of %j brings everything back', async (input) => {
    for (const encrypted of [false, true]) {
      const backup = await stack.backUp(client, {
        ...input,
        encryptionRecipients: encrypted ? [key.recipient] : [],
      });
      expect(backup.errorMessage).toBeNull();
      const kit = await unpackKit(backup);
      const name = `${database} ${input.backupFormat} ${encrypted}`;
      await follow(kit, stack.storedPath(backup), name);
      const url = new URL(empty.url('postgres'));
      url.pathname = `/${encodeURIComponent(name)}`;
      expect(await schemaOf(url.href)).toBe(await schemaOf(source.url(database)));
      expect(await dataOf(url.href)).toEqual(await dataOf(source.url(database)));
    }
    const roles = await queryOnce<{ rolname: string }>(empty.url('postgres'), 'SELECT rolname FROM pg_roles');
    expect(roles.map(({ rolname }) => rolname)).toEqual(expect.arrayContaining([role, 'readers']));
  });

  it('holds the manifest, the commands and no secret; refuses another file, and says when rows are missing', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const kit = await unpackKit(backup);
    expect((await readdir(kit)).sort()).toEqual([
      'README.txt',
      'check-rows.sql',
      'manifest.json',
      'restore.sh',
      'roles.sql',
    ]);
    const stored = JSON.parse(
      await readFile(`${stack.storedPath(backup)}.manifest.json`, 'utf8'),
    ) as SignedManifest;
    expect(JSON.parse(await readFile(path.join(kit, 'manifest.json'), 'utf8'))).toEqual(stored);
    const readme = await readFile(path.join(kit, 'README.txt'), 'utf8');
    expect(readme).toContain(
      'zstd --decompress --stdout --quiet <FILE | pg_restore --format=custom --exit-on-error',
    );
    expect(readme).toContain(backup.checksumSha256);
    const texts = await Promise.all(
      (await readdir(kit)).map((name) => readFile(path.join(kit, name), 'utf8')),
    );
    expect(texts.join('')).not.toContain('a secret of the app');

    const copy = path.join(folder, 'shortened');
    await writeFile(copy, await readFile(stack.storedPath(backup)));
    await truncate(copy, 100);
    await expect(follow(kit, copy, 'never made')).rejects.toThrow(/SHA-256 differs/);
    await writeFile(path.join(kit, 'check-rows.sql'), `SELECT 'it is said that one is missing';\n`);
    await expect(follow(kit, stack.storedPath(backup), 'counted')).rejects.toThrow(/one is missing/);
  });

  it('of a selection brings back what is in it, and says what is not', async () => {
    const backup = await stack.backUp(client, {
      backupType: 'selective',
      includedTables: ['child'],
      compressionType: 'zstd',
    });
    const kit = await unpackKit(backup);
    await follow(kit, stack.storedPath(backup), 'selection');
    expect(await queryOnce(empty.url('selection'), 'SELECT count(*)::int AS rows FROM child')).toEqual([
      { rows: 100 },
    ]);
  });

  it('is for admins, of backups that have completed', async () => {
    expect(await client.send('GET', '/backups/999999/recovery-kit')).toMatchObject({
      status: 404,
      body: { code: 'BACKUP_NOT_FOUND' },
    });
    await stack.metadata.query(
      `INSERT INTO users (email, username, role, password_hash) SELECT 'mod@example.org', 'mod-user', 'mod', password_hash FROM users WHERE role = 'super-admin'`,
    );
    const mod = await TestClient.signIn(client.url, 'mod@example.org', 'correct horse battery');
    expect(await mod.send('GET', '/backups/1/recovery-kit')).toMatchObject({ status: 403 });
  });
});
