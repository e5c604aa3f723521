/** The catalogue lost: a new installation with the same key has it again from storage alone, and no row is ever written over. */
import { execFile } from 'node:child_process';
import { copyFile, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { RebuildCatalog, RebuildView } from '@holdfast/contracts/catalog';
import type { Manifest, SignedManifest } from '@holdfast/contracts/manifest';
import { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

const secretKey = 'the same key in the old and the new installation';
const run = promisify(execFile);
const cli = path.resolve('services/cli/src/main.ts');

describe('a rebuild of the catalogue', () => {
  const stacks: TestStack[] = [];

  async function install(env: Record<string, string> = {}): Promise<[TestStack, TestClient]> {
    const stack = await TestStack.create({
      target: 'template0',
      settings: { max_retries: 0 },
      env: { HOLDFAST_SECRET_KEY: secretKey, ...env },
    });
    stacks.push(stack);
    const { client } = await stack.startApi();
    await stack.startWorker();
    return [stack, client];
  }
  afterEach(async () => {
    await Promise.all(stacks.splice(0).map((stack) => stack.destroy()));
  });

  async function rebuild(stack: TestStack, client: TestClient, input: RebuildCatalog): Promise<RebuildView> {
    const { operationId } = await client.post<{ operationId: string }>('/catalog/rebuild', input);
    await stack.untilStatus('catalog_rebuilds', operationId, ['completed', 'failed', 'cancelled']);
    return await client.get<RebuildView>(`/catalog/rebuilds/${operationId}`);
  }

  /** Two tables and rows in them. */
  async function fill(stack: TestStack): Promise<void> {
    await stack.target?.query('CREATE TABLE one (id int PRIMARY KEY, word text)');
    await stack.target?.query(`INSERT INTO one SELECT n, repeat('word ', 20) FROM generate_series(1, 500) n`);
  }

  /** What the manifest does not tell, or only to the second. */
  const untold = ['metadata', 'provedAt', 'completedAt', 'startedAt', 'duration', 'createdBy', 'expiresAt'];

  /** What a rebuilt row must say as the first did. */
  function comparable(backup: BackupView & { file?: unknown }): object {
    const entries = Object.entries(backup).filter(([field]) => field !== 'file' && !untold.includes(field));
    return Object.fromEntries(entries);
  }

  it('from backups of every format gives the same rows, manifests and proof, and twice changes nothing', async () => {
    const [old, oldClient] = await install();
    await fill(old);
    const inputs: Partial<CreateBackup>[] = [
      { backupFormat: 'custom', compressionType: 'zstd', tags: ['kept'], description: 'Said before' },
      { backupFormat: 'plain', compressionType: 'gzip' },
      { backupFormat: 'tar', compressionType: 'none' },
      { backupFormat: 'directory', jobs: 2, compressionType: 'zstd', includeGlobals: true },
      { backupType: 'selective', includedTables: ['one'], compressionType: 'zstd' },
    ];
    const before: BackupView[] = [];
    for (const input of inputs) {
      before.push(await old.backUp(oldClient, input));
    }
    expect(before.map(({ status }) => status)).toEqual(inputs.map(() => 'completed'));
    const manifests = await Promise.all(
      before.map(({ id }) => oldClient.get<Manifest>(`/backups/${id}/manifest`)),
    );

    const [fresh, client] = await install({ TARGET_DATABASE_URL: old.target?.url as string });
    const storageTarget = `file://${old.storageDir}`;
    const { status, result } = await rebuild(fresh, client, { storageTarget });
    expect([status, result]).toMatchObject([
      'completed',
      { found: 5, recreated: 5, alreadyThere: 0, skipped: 0, filesWithoutManifest: 0, databasesCreated: [] },
    ]);
    for (const [index, backup] of before.entries()) {
      const again = await client.get<BackupView>(`/backups/${backup.id}`);
      expect(comparable(again)).toEqual({ ...comparable(backup), storageTarget, databaseId: 1 });
      expect(again).toMatchObject({ proofLevel: 'stored', provedAt: null, file: { matchesSize: true } });
      expect(await client.get(`/backups/${backup.id}/manifest`)).toEqual(manifests[index]);
      expect(await fresh.verify(client, backup.id)).toMatchObject({ status: 'completed' });
      expect(await fresh.drill(client, backup.id)).toMatchObject({ result: { isEqual: true } });
    }

    const rows = 'SELECT * FROM admin_backups ORDER BY id';
    const first = await fresh.metadata.query(rows);
    expect((await rebuild(fresh, client, { storageTarget })).result).toMatchObject({
      found: 5,
      recreated: 0,
      alreadyThere: 5,
      skipped: 0,
    });
    expect(await fresh.metadata.query(rows)).toEqual(first);
    // The sequence has gone on behind the ids that came back.
    const next = await fresh.backUp(client);
    expect(next).toMatchObject({ status: 'completed', id: Math.max(...before.map(({ id }) => id)) + 1 });
  });

  it('reports and leaves out what does not fit, and takes what another key signed only when told to, untrusted', async () => {
    const [old, oldClient] = await install();
    await fill(old);
    const backups: BackupView[] = [];
    for (let count = 0; count < 6; count += 1) {
      backups.push(await old.backUp(oldClient));
    }
    const [shortened, gone, moved, broken, forged, good] = backups as [
      BackupView,
      BackupView,
      BackupView,
      BackupView,
      BackupView,
      BackupView,
    ];
    const manifestOf = (backup: BackupView): string => `${old.storedPath(backup)}.manifest.json`;
    await truncate(old.storedPath(shortened), 100);
    await rm(old.storedPath(gone));
    await rename(manifestOf(moved), `${old.storedPath(moved)}.dump.manifest.json`);
    await copyFile(old.storedPath(moved), `${old.storedPath(moved)}.dump`);
    await writeFile(manifestOf(broken), '{"manifest": {"backup": ');
    const signed = JSON.parse(await readFile(manifestOf(forged), 'utf8')) as SignedManifest;
    await writeFile(
      manifestOf(forged),
      JSON.stringify({ ...signed, manifest: { ...signed.manifest, largeObjects: { count: 1 } } }),
    );
    const storageTarget = `file://${old.storageDir}`;

    const [fresh, client] = await install();
    const { result } = await rebuild(fresh, client, { storageTarget });
    expect(result).toMatchObject({
      found: 6,
      recreated: 1,
      skipped: 5,
      // Without the manifest that was moved away from it.
      filesWithoutManifest: 1,
      databasesCreated: [old.target?.name],
    });
    expect(result?.skippedManifests.map(({ reason }) => reason).sort()).toEqual(
      [
        'file_missing',
        'manifest_misplaced',
        'manifest_unreadable',
        'manifest_unreadable',
        'size_differs',
      ].sort(),
    );
    expect(await client.get(`/backups/${good.id}`)).toMatchObject({
      isTrusted: true,
      isManifestSigned: true,
    });
    const { items } = await client.get<{ items: { databaseName: string; origin: string; host: string }[] }>(
      '/databases',
    );
    expect(items).toContainEqual(
      expect.objectContaining({
        databaseName: old.target?.name,
        origin: 'rebuilt',
        host: 'unknown.invalid',
      }),
    );

    const [stranger, strangerClient] = await install({
      HOLDFAST_SECRET_KEY: 'quite another key, also of 32 bytes',
    });
    expect((await rebuild(stranger, strangerClient, { storageTarget })).result).toMatchObject({
      recreated: 0,
      skippedManifests: expect.arrayContaining([
        expect.objectContaining({ reason: 'signature_differs', path: `${good.filePath}.manifest.json` }),
      ]),
    });
    expect(
      (await rebuild(stranger, strangerClient, { storageTarget, acceptUnsigned: true })).result,
    ).toMatchObject({ recreated: 1 });
    expect(await strangerClient.get(`/backups/${good.id}`)).toMatchObject({
      isTrusted: false,
      isManifestSigned: false,
      checksumSha256: good.checksumSha256,
    });
    expect(await strangerClient.send('POST', `/backups/${good.id}/drill`)).toMatchObject({
      status: 409,
      body: { code: 'APPROVAL_REQUIRED', remediation: expect.stringContaining('isTrusted') },
    });
    expect(await stranger.verify(strangerClient, good.id)).toMatchObject({ status: 'completed' });
  });

  it('is for super-admins alone, of a storage that can be named, and of one that is empty finds nothing', async () => {
    const [stack, client] = await install();
    await stack.metadata.query(
      `INSERT INTO users (email, username, role, password_hash) SELECT 'admin@example.org', 'an-admin', 'admin', password_hash FROM users WHERE role = 'super-admin'`,
    );
    const admin = await TestClient.signIn(client.url, 'admin@example.org', 'correct horse battery');
    expect(await admin.send('POST', '/catalog/rebuild', { body: {} })).toMatchObject({ status: 403 });
    expect(
      await client.send('POST', '/catalog/rebuild', { body: { storageTarget: 'ftp://x' } }),
    ).toMatchObject({
      status: 400,
    });
    expect(await client.send('POST', '/catalog/rebuild', { body: { overwrite: true } })).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED' },
    });
    expect(await rebuild(stack, client, {})).toMatchObject({ status: 'completed', result: { found: 0 } });
  });

  it('by the command line prints a table or JSON, and exits by how it went', async () => {
    const [old, oldClient] = await install();
    await fill(old);
    const backup = await old.backUp(oldClient);
    const [, client] = await install();
    const call = async (args: string[], env: Record<string, string> = {}): Promise<[number, string]> => {
      const options = {
        env: {
          PATH: process.env['PATH'] as string,
          HOLDFAST_URL: client.url,
          HOLDFAST_TOKEN: client.token,
          ...env,
        },
      };
      const flags = [
        '--conditions=source',
        '--disable-warning=ExperimentalWarning',
        cli,
        'catalog',
        'rebuild',
      ];
      return await run(process.execPath, [...flags, ...args], options).then(
        ({ stdout }) => [0, stdout] as [number, string],
        ({ code, stderr, stdout }: { code: number; stderr: string; stdout: string }) =>
          [code, stderr + stdout] as [number, string],
      );
    };
    const storage = `file://${old.storageDir}`;
    const [code, table] = await call(['--storage', storage]);
    expect([code, table]).toEqual([0, expect.stringMatching(/Recreated +1\n/)]);
    const [again, json] = await call(['--storage', storage, '--json']);
    expect([again, JSON.parse(json)]).toMatchObject([0, { recreated: 0, alreadyThere: 1 }]);
    await rm(old.storedPath(backup));
    expect(await call(['--storage', storage])).toEqual([1, expect.stringContaining('file_missing')]);
    expect((await call(['--no-such-option']))[0]).toBe(2);
    expect(await call([], { HOLDFAST_TOKEN: 'wrong' })).toEqual([
      3,
      expect.stringContaining('UNAUTHENTICATED'),
    ]);
    expect(await call([], { HOLDFAST_URL: 'http://127.0.0.1:1' })).toEqual([
      1,
      expect.stringContaining('No Holdfast answers'),
    ]);
  });
});
