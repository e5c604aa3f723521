/** Files of pg_dump that were made elsewhere become backups; whatever else is sent is refused with what it looks like. */
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';
import { type ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

interface Sent {
  readonly status: number;
  readonly body: ProblemAnswer & { readonly backupId: number };
}

describe('an import', () => {
  let stack: TestStack;
  let client: TestClient;
  let binDir: string;

  beforeAll(async () => {
    binDir = (await findPrograms())?.postgresBinDir as string;
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    await mkdir(path.join(stack.storageDir, 'imports'), { recursive: true });
  });
  afterAll(async () => await stack.destroy());

  async function dump(...args: string[]): Promise<Buffer> {
    const file = path.join(stack.folder, 'elsewhere');
    await runCommand(`${binDir}/pg_dump`, [...args, `--file=${file}`, stack.target?.url as string]);
    return await readFile(file);
  }

  async function send(bytes: Buffer, options: Record<string, string> = {}): Promise<Sent> {
    const query = new URLSearchParams({ displayName: 'Imported', allowUnpatchedClient: 'true', ...options });
    const response = await fetch(`${client.url}/api/admin/backup-restore/backups/import?${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    });
    return { status: response.status, body: (await response.json()) as Sent['body'] };
  }

  async function imported(bytes: Buffer, options: Record<string, string> = {}): Promise<BackupView> {
    const { status, body } = await send(bytes, options);
    expect([status, body]).toMatchObject([202, { backupId: expect.any(Number) }]);
    return await stack.untilEnded(client, body.backupId);
  }

  const same = (bytes: Buffer): Buffer => bytes;

  it.each<[string, string[], (bytes: Buffer) => Buffer, Partial<BackupView>]>([
    ['custom, as pg_dump makes it by default', ['-Fc'], same, { backupFormat: 'custom' }],
    ['custom, not compressed', ['-Fc', '-Z0'], same, { backupFormat: 'custom' }],
    ['custom, compressed inside and again by gzip', ['-Fc', '-Z9'], gzipSync, { backupFormat: 'custom' }],
    ['plain', ['-Fp'], same, { backupFormat: 'plain' }],
    ['plain in zstd', ['-Fp'], zstdCompressSync, { backupFormat: 'plain' }],
    ['tar in gzip', ['-Ft'], gzipSync, { backupFormat: 'tar' }],
  ])(
    'of %s holds what a backup of the same database holds, and is drilled once it is trusted',
    async (_what, args, wrap, expected) => {
      const own = await stack.backUp(client, { backupFormat: 'custom', compressionType: 'zstd' });
      const bytes = wrap(await dump(...args));
      const backup = await imported(bytes, { fileName: 'nightly.bak' });
      expect(backup).toMatchObject({
        status: 'completed',
        errorMessage: null,
        source: 'imported',
        proofLevel: 'stored',
        isTrusted: false,
        databaseName: stack.target?.name,
        filePath: expect.stringMatching(/^imported\//),
        ...expected,
      });
      const manifest = await client.get<Manifest>(`/backups/${backup.id}/manifest`);
      const byName = (tables: Manifest['tables']) => [...tables].sort((a, b) => (a.name < b.name ? -1 : 1));
      const original = await client.get<Manifest>(`/backups/${own.id}/manifest`);
      expect(byName(manifest.tables)).toEqual(byName(original.tables));
      expect([manifest.sequences, manifest.largeObjects]).toEqual([
        original.sequences,
        original.largeObjects,
      ]);
      const file = path.join(stack.folder, 'sent');
      await writeFile(file, bytes);
      expect(manifest.import).toMatchObject({
        fileName: 'nightly.bak',
        sizeBytes: bytes.length,
        sha256: (await runCommand('sha256sum', [file])).slice(0, 64),
      });
      expect(await client.send('POST', `/backups/${backup.id}/drill`)).toMatchObject({
        body: { code: 'APPROVAL_REQUIRED' },
      });
      expect(await stack.verify(client, backup.id)).toMatchObject({ status: 'completed' });
      await client.send('PATCH', `/backups/${backup.id}`, { body: { isTrusted: true } });
      expect(await stack.drill(client, backup.id)).toMatchObject({
        status: 'completed',
        result: { isEqual: true, differences: [] },
      });
      // What was uploaded has gone.
      expect(await stack.metadata.query('SELECT * FROM import_uploads')).toEqual([]);
      expect((await stack.storedFiles()).filter((name) => name.includes('upload-'))).toEqual([]);
    },
  );

  it('of a file in the folder of imports leaves it there; no path leads out of the folder', async () => {
    const bytes = await dump('-Fc');
    await writeFile(path.join(stack.storageDir, 'imports', 'old one.dump'), bytes);
    const query = 'displayName=There&allowUnpatchedClient=true';
    const { backupId } = await client.post<{ backupId: number }>(`/backups/import?${query}`, {
      path: 'imports/old one.dump',
    });
    expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'completed' });
    expect(await stack.storedFiles()).toContain('imports/old one.dump');

    await copyFile('/etc/passwd', path.join(stack.folder, 'secret'));
    await symlink(path.join(stack.folder, 'secret'), path.join(stack.storageDir, 'imports', 'link'));
    await symlink(stack.folder, path.join(stack.storageDir, 'imports', 'folder'));
    for (const [name, status] of [
      ['imports/../manual/x', 400],
      ['/etc/passwd', 400],
      ['manual/x', 400],
      ['imports/', 400],
      ['imports/a\u0000b', 400],
      ['imports/nothing', 404],
      ['imports/link', 404],
      ['imports/folder/secret', 422],
    ] as const) {
      expect([
        name,
        await client.send('POST', `/backups/import?${query}`, { body: { path: name } }),
      ]).toMatchObject([name, { status }]);
    }
    expect(await client.send('POST', '/backups/import', { body: { path: 'imports/x' } })).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED' },
    });
  });

  it('of anything else is refused at once, by what it looks like, and leaves nothing', async () => {
    const before = await stack.metadata.query('SELECT count(*) FROM admin_backups');
    const stored = await stack.storedFiles();
    const text = (content: string): Buffer => Buffer.from(content);
    for (const [bytes, what] of [
      [Buffer.alloc(0), 'an empty file'],
      [Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'a PNG image'],
      [Buffer.from('504b030414000000', 'hex'), 'ZIP'],
      [text('SQLite format 3\0............'), 'SQLite'],
      [text('-- MySQL dump 10.13  Distrib 8.0.36\n--\n'), 'MySQL'],
      [text('--\n-- PostgreSQL database cluster dump\n--\n'), 'pg_dumpall'],
      [text('--\r\n-- PostgreSQL database dump\r\n--\r\n'), 'Windows'],
      [Buffer.from('\ufeff--\n-- PostgreSQL', 'utf16le'), 'UTF-16'],
      [text('CREATE TABLE a (b int);\n'), 'SQL, but not a script that pg_dump wrote'],
      [text('<html>'), 'a web page'],
      [text('hello'), 'text'],
      [gzipSync(text('hello')), 'text, inside gzip'],
      [gzipSync(gzipSync(text('hello'))), 'compressed twice'],
      [text('age-encryption.org/v1\n-> X25519'), 'encrypted with age'],
      [Buffer.from('fd377a585a000004', 'hex'), 'xz'],
      [text('PGDMP'), 'cut short'],
      [text('PGDMP\x01\x63\x00\x04\x08\x01'), '1.99'],
    ] as const) {
      expect([what, await send(bytes)]).toMatchObject([
        what,
        { status: 400, body: { code: 'VALIDATION_FAILED', detail: expect.stringContaining(what) } },
      ]);
    }
    expect(await stack.metadata.query('SELECT count(*) FROM admin_backups')).toEqual(before);
    expect(await stack.storedFiles()).toEqual(stored);
  });

  it('of a damaged file fails with where it is damaged, and stores nothing', async () => {
    const bytes = await dump('-Fc');
    const flip = (at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ 0x10;
      return copy;
    };
    const before = (await stack.storedFiles()).filter((name) => name.startsWith('imported/'));
    const script = await dump('-Fp');
    const hostile = Buffer.from(
      script
        .toString('latin1')
        .replace('SET lock_timeout = 0;\n', 'SET lock_timeout = 0;\n\\! touch /tmp/hostile\n'),
      'latin1',
    );
    for (const [damaged, said] of [
      [bytes.subarray(0, bytes.length - 1000), /cut short|damaged at offset/],
      [flip(bytes.length - 5000), /damaged at offset/],
      [gzipSync(bytes).subarray(0, 100_000), /decompressed|cut short|damaged/],
      [script.subarray(0, script.length - 2000), /cut short/],
      [hostile, /! touch/],
    ] as const) {
      const backup = await imported(damaged);
      expect(backup).toMatchObject({
        status: 'failed',
        errorCode: 'FILE_CORRUPTION',
        errorMessage: expect.stringMatching(said),
      });
    }
    const after = (await stack.storedFiles()).filter((name) => name.startsWith('imported/'));
    expect(after).toEqual(before);
  });

  it('is read by a client with known flaws only when that is allowed', async () => {
    const { body } = await send(await dump('-Fc'), { allowUnpatchedClient: 'false' });
    const backup = await stack.untilEnded(client, body.backupId);
    const { version } = { version: (await runCommand(`${binDir}/pg_dump`, ['--version'])).trim() };
    // On the day a patched client is installed here, it simply succeeds.
    expect([version, backup.errorCode ?? backup.status]).toEqual([
      version,
      expect.stringMatching(/^(VERSION_MISMATCH|completed)$/),
    ]);
    if (backup.errorCode !== null) {
      expect(backup.errorRemediation).toContain('allowUnpatchedClient');
    }
  });

  it('is for admins alone; an upload that breaks off leaves nothing', async () => {
    await stack.metadata.query(
      `INSERT INTO users (email, username, role, password_hash) SELECT 'mod@example.org', 'mod-user', 'mod', password_hash FROM users WHERE role = 'super-admin'`,
    );
    const mod = await TestClient.signIn(client.url, 'mod@example.org', 'correct horse battery');
    expect(
      await mod.send('POST', '/backups/import?displayName=x', { body: { path: 'imports/x' } }),
    ).toMatchObject({ status: 403 });

    const before = await stack.metadata.query<{ count: string }>('SELECT count(*) FROM import_uploads');
    const controller = new AbortController();
    const bytes = await dump('-Fp');
    const half = new ReadableStream({
      start: (stream) => stream.enqueue(new Uint8Array(bytes.subarray(0, 600_000))),
    });
    const sending = fetch(`${client.url}/api/admin/backup-restore/backups/import?displayName=half`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/octet-stream' },
      body: half,
      duplex: 'half',
      signal: controller.signal,
    } as RequestInit);
    const uploads = async (): Promise<number> =>
      (await stack.metadata.query('SELECT 1 FROM import_uploads')).length;
    await until(async () => (await uploads()) > Number(before[0]?.count));
    controller.abort();
    await expect(sending).rejects.toThrow();
    await until(async () => (await uploads()) === Number(before[0]?.count));
    expect((await stack.storedFiles()).filter((name) => name.includes('.partial'))).toEqual([]);
  });
});
