/** Downloads: a link that works once, resuming, holding the file, and never a clean end to wrong bytes. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { DownloadLink } from '@holdfast/contracts/downloads';
import { download, type RawDownload } from '@holdfast/testkit/raw-download';
import { TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

const bigBytes = 160 * 1024 * 1024;

describe('downloading', () => {
  let stack: TestStack;
  let client: TestClient;
  let api: TestProcess;
  let backup: BackupView;
  let bytes: Buffer;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client, process: api } = await stack.startApi());
    const worker = await stack.startWorker();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await worker.stop();
    bytes = await readFile(stack.storedPath(backup));
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => {
    await rm(stack.storedPath(backup), { recursive: true, force: true });
    await writeFile(stack.storedPath(backup), bytes);
  });

  const link = async (id = backup.id): Promise<string> => {
    const { url } = await client.post<DownloadLink>(`/backups/${id}/download-link`);
    return `${client.url}${url}`;
  };
  const signedIn = (id: number, headers: Record<string, string> = {}): Promise<RawDownload> =>
    download(`${client.url}/api/admin/backup-restore/backups/${id}/download`, {
      headers: { authorization: `Bearer ${client.token}`, ...headers },
    });
  const codeOf = async (answer: RawDownload): Promise<string> =>
    (JSON.parse((await answer.rest()).toString()) as { code: string }).code;
  const leases = () => stack.metadata.query<{ backup_id: number }>('SELECT backup_id FROM download_leases');

  /** A completed row with a file so large that no socket swallows it whole. */
  const bigBackup = async (name: string): Promise<{ id: number; file: string }> => {
    const file = path.join(stack.storageDir, 'manual', name);
    await writeFile(file, '');
    await truncate(file, bigBytes);
    const sha256 = createHash('sha256').update(Buffer.alloc(bigBytes)).digest('hex');
    const [row] = await stack.metadata.query<{ id: number }>(
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status, file_size, checksum_sha256, checksum_md5, manifest, proof_level, completed_at, storage_target)
       VALUES ($1::text, 'manual/' || $1::text, 'big', 'x', 1, 'completed', $2, $3, repeat('0', 32), '{}', 'stored', now(), $4) RETURNING id`,
      [name, bigBytes, sha256, `file://${stack.storageDir}`],
    );
    return { id: row?.id as number, file };
  };

  describe('by a link', () => {
    it('gives the very bytes with all that a client needs to check them, once', async () => {
      const url = await link();
      const head = await download(url, { method: 'HEAD' });
      const got = await download(url);
      expect(got.status).toBe(200);
      expect(bytes.equals(await got.rest())).toBe(true);
      expect(got.headers).toMatchObject({
        'content-length': String(bytes.length),
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename=${backup.filename}`,
        etag: `"${backup.checksumSha256}"`,
        'repr-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
        digest: `sha-256=${createHash('sha256').update(bytes).digest('base64')},md5=${createHash('md5').update(bytes).digest('base64')}`,
        'accept-ranges': 'bytes',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      const stable = ({ headers }: RawDownload) =>
        Object.entries(headers).filter(([name]) => !/^(date|x-ratelimit.*)$/.test(name));
      expect(stable(head)).toEqual(stable(got));
      const again = await download(url);
      expect([again.status, await codeOf(again)]).toEqual([404, 'NOT_FOUND']);
    });

    it('is used up by one of many that follow it at once', async () => {
      const url = await link();
      const answers = await Promise.all(Array.from({ length: 8 }, () => download(url)));
      expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
        200,
        ...Array<number>(7).fill(404),
      ]);
      await Promise.all(answers.map((answer) => answer.rest()));
    });

    it('goes on where it broke, for its own client alone', async () => {
      const { id } = await bigBackup('resumed.dump');
      const url = await link(id);
      const first = await download(url);
      const [part] = (await once(first.message, 'data')) as [Buffer];
      first.leave();
      const { etag } = first.headers as { etag: string };
      const range = { range: `bytes=${part.length}-`, 'if-range': etag };
      const refused = [
        await download(url, { headers: { ...range, 'user-agent': 'another' } }),
        await download(url, { headers: range, from: '127.0.0.2' }),
        await download(url, { headers: { ...range, 'if-range': '"another"' } }),
        await download(url, { headers: { range: 'bytes=0-' } }),
        await download(url, { method: 'HEAD', headers: { 'user-agent': 'another' } }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
      const second = await download(url, { headers: range });
      expect([second.status, second.headers['content-range']]).toEqual([
        206,
        `bytes ${part.length}-${bigBytes - 1}/${bigBytes}`,
      ]);
      expect((await second.rest()).length + part.length).toBe(bigBytes);
      // Nothing keeps a link alive for ever.
      await stack.metadata.query(
        `UPDATE download_tokens SET expires_at = now() WHERE claimed_at IS NOT NULL`,
      );
      expect((await download(url, { headers: range })).status).toBe(404);
    });

    it('is worth nothing once it has expired, was guessed, or whose it is has lost the right', async () => {
      const expired = await link();
      await stack.metadata.query(`UPDATE download_tokens SET expires_at = now() WHERE claimed_at IS NULL`);
      expect((await download(expired)).status).toBe(404);
      const guessed = expired.replace(/[^/]{43}$/, 'A'.repeat(43));
      expect((await download(guessed)).status).toBe(404);
      expect((await download(`${expired}A`)).status).toBe(400);
      const lost = await link();
      await stack.metadata.query(`UPDATE users SET role = 'mod'`);
      expect(await codeOf(await download(lost))).toBe('FORBIDDEN');
      await stack.metadata.query(`UPDATE users SET role = 'super-admin'`);
      expect((await download(lost)).status).toBe(200);
    });

    it('is kept as a hash only, and all of it is in the audit trail', async () => {
      const url = await link();
      const token = url.split('/').at(-1) as string;
      expect(token).toMatch(/^[\w-]{43}$/);
      const kept = await stack.metadata.query('SELECT * FROM download_tokens');
      expect(JSON.stringify(kept)).not.toContain(token);
      await (await download(url, { headers: { range: 'bytes=5-9' } })).rest();
      const [made, followed] = (
        await stack.metadata.query<{ action: string; after: object }>(
          `SELECT action, after FROM audit_log WHERE action LIKE 'backup.download%' ORDER BY id DESC LIMIT 2`,
        )
      ).reverse();
      expect(made).toMatchObject({ action: 'backup.download-link' });
      expect(followed).toMatchObject({
        action: 'backup.download',
        after: { bytes: { start: 5, end: 9 }, byLink: true },
      });
    });
  });

  describe('signed in', () => {
    it('gives the file, any range of it, and refuses who may not', async () => {
      expect(bytes.equals(await (await signedIn(backup.id)).rest())).toBe(true);
      const part = await signedIn(backup.id, { range: 'bytes=-10' });
      expect([part.status, await part.rest()]).toEqual([206, bytes.subarray(-10)]);
      const behind = await signedIn(backup.id, { range: `bytes=${bytes.length}-` });
      expect([behind.status, behind.headers['content-range']]).toEqual([416, `bytes */${bytes.length}`]);
      const several = await signedIn(backup.id, { range: 'bytes=0-1,3-4' });
      expect([several.status, bytes.equals(await several.rest())]).toEqual([200, true]);

      const url = `${client.url}/api/admin/backup-restore/backups/${backup.id}/download`;
      expect((await download(url)).status).toBe(401);
      await stack.metadata.query(
        `INSERT INTO users (email, username, role, password_hash) SELECT 'mod@example.org', 'mod-user', 'mod', password_hash FROM users`,
      );
      const mod = await TestClient.signIn(client.url, 'mod@example.org', 'correct horse battery');
      expect((await download(url, { headers: { authorization: `Bearer ${mod.token}` } })).status).toBe(403);
      expect((await mod.send('POST', `/backups/${backup.id}/download-link`)).status).toBe(403);
      await stack.metadata.query(
        `DELETE FROM user_sessions WHERE user_id IN (SELECT user_id FROM users WHERE role = 'mod')`,
      );
    });

    it.each([
      ['failed', 404, 'BACKUP_NOT_FOUND'],
      ['pending', 409, 'IN_USE'],
      ['deleting', 404, 'BACKUP_NOT_FOUND'],
    ])('has nothing to give of a backup that is %s', async (status, http, code) => {
      const [row] = await stack.metadata.query<{ id: number }>(
        `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status, not_before) VALUES (gen_random_uuid(), 'x', 'x', 'x', 1, $1, now() + interval '1 hour') RETURNING id`,
        [status],
      );
      const answer = await signedIn(row?.id as number);
      expect([answer.status, await codeOf(answer)]).toEqual([http, code]);
      expect(await client.send('POST', `/backups/${row?.id}/download-link`)).toMatchObject({ status: http });
    });
  });

  describe('of a wrong file', () => {
    it.each<[string, (file: string) => Promise<void>, string]>([
      ['missing', (file) => rm(file), 'BACKUP_NOT_FOUND'],
      ['truncated', (file) => truncate(file, bytes.length - 1), 'FILE_CORRUPTION'],
      ['emptied', (file) => truncate(file, 0), 'FILE_CORRUPTION'],
      ['longer', (file) => writeFile(file, 'x', { flag: 'a' }), 'FILE_CORRUPTION'],
      [
        'swapped for one of the same size',
        (file) => writeFile(file, Buffer.alloc(bytes.length)),
        'FILE_CORRUPTION',
      ],
      [
        'a link',
        async (file) => {
          await cp(file, `${file}.real`);
          await rm(file);
          await symlink(`${file}.real`, file);
        },
        'BACKUP_NOT_FOUND',
      ],
      [
        'a folder',
        async (file) => {
          await rm(file);
          await mkdir(file);
        },
        'BACKUP_NOT_FOUND',
      ],
    ])(
      '%s: a proper error comes instead of a first byte, the link stays good, the backup is marked',
      async (_what, damage, code) => {
        await signedIn(backup.id).then((good) => good.rest());
        const url = await link();
        await damage(stack.storedPath(backup));
        const answer = await download(url);
        expect(answer.headers['content-type']).toContain('application/problem+json');
        expect(await codeOf(answer)).toBe(code);
        expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
          damagedAt: expect.stringMatching(/T/),
        });
        await rm(stack.storedPath(backup), { recursive: true, force: true });
        await writeFile(stack.storedPath(backup), bytes);
        expect(bytes.equals(await (await download(url)).rest())).toBe(true);
        await until(async () => (await leases()).length === 0);
      },
    );

    it('a large one with wrong bytes never comes to a clean end', async () => {
      const { id, file } = await bigBackup('flipped.dump');
      const handle = await open(file, 'r+');
      await handle.write(Buffer.from([1]), 0, 1, bigBytes / 2);
      await handle.close();
      const answer = await signedIn(id);
      expect(answer.status).toBe(200);
      await expect(answer.rest()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(await client.get(`/backups/${id}`)).toMatchObject({
        damage: expect.stringContaining('SHA-256'),
      });
    });

    it('one that is cut while it is being sent never comes to a clean end', async () => {
      const { id, file } = await bigBackup('cut.dump');
      const answer = await signedIn(id);
      await truncate(file, bigBytes / 2);
      await expect(answer.rest()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(await client.get(`/backups/${id}`)).toMatchObject({
        damage: expect.stringContaining('ends at offset'),
      });
      await until(async () => (await leases()).length === 0);
    });
  });

  describe('holds the file', () => {
    it('against deletion while it is sent, and gives it free when the client goes', async () => {
      const { id } = await bigBackup('held.dump');
      const answer = await signedIn(id);
      expect(await client.send('DELETE', `/backups/${id}`)).toMatchObject({
        status: 409,
        body: { code: 'IN_USE', detail: `A download reads backup ${id}.` },
      });
      answer.leave();
      await until(async () => (await leases()).length === 0);
      expect((await client.send('DELETE', `/backups/${id}`)).status).toBe(202);
      expect((await signedIn(id)).status).toBe(404);
    });

    it('no longer than its process lives: the lease runs out by itself', async () => {
      const { id } = await bigBackup('orphaned.dump');
      const answer = await signedIn(id);
      answer.message.on('error', () => undefined);
      await api.kill();
      expect(await leases()).toEqual([{ backup_id: id }]);
      const { client: other } = await stack.startApi();
      expect((await other.send('DELETE', `/backups/${id}`)).status).toBe(409);
      await stack.metadata.query(`UPDATE download_leases SET held_until = held_until - interval '1 minute'`);
      expect((await other.send('DELETE', `/backups/${id}`)).status).toBe(202);
    });
  });
});
