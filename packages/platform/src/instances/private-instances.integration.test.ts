/** Private servers: an ordinary user's processes, found again, their secrets out of sight; and daemons that a reused pid can't fool. */
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { runningPid, startDaemon, stopDaemon } from '../process/daemon.ts';
import { PrivatePostgres } from './private-postgres.ts';
import { PrivateRedis } from './private-redis.ts';
import { findPrograms } from './programs.ts';
import { findServiceAccount, reachableFolder } from './service-account.ts';

jest.setTimeout(60_000);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-instances-'));
  await chmod(folder, 0o755);
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const pidIn = async (dir: string): Promise<number> =>
  (JSON.parse(await readFile(path.join(dir, 'pid.json'), 'utf8')) as { pid: number }).pid;

describe('PrivatePostgres', () => {
  it('keeps its data over a restart, moves when its port is taken, and never runs as root', async () => {
    const account = await findServiceAccount();
    const own = await reachableFolder(path.join(folder, 'postgres'), account);
    const create = async () =>
      new PrivatePostgres({ folder: own, binDir: (await findPrograms())?.postgresBinDir as string, account });
    const first = await create();
    await first.start();
    await first.createDatabase('kept');
    const { uid } = await stat(`/proc/${await pidIn(own)}`);
    expect(uid).not.toBe(0);
    const { port } = first;
    await (await create()).start(); // Found running, not started twice.
    await first.stop();

    const squatter = createServer().listen(port, '127.0.0.1');
    const second = await create();
    await second.start();
    expect(second.port).not.toBe(port);
    squatter.close();
    const client = new Client({ connectionString: second.url('kept') });
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses, current_setting('data_checksums') AS checksums`,
    );
    expect(rows).toEqual([{ fsync: 'on', addresses: '127.0.0.1', checksums: 'on' }]);
    await client.end();
    await second.stop();
  });
});

describe('PrivateRedis', () => {
  it('has its password in a private file alone, keeps what it accepted, and refuses strangers', async () => {
    const account = await findServiceAccount();
    const own = await reachableFolder(path.join(folder, 'redis'), account);
    const redis = new PrivateRedis({
      folder: own,
      program: (await findPrograms())?.redisServer as string,
      account,
    });
    await redis.start();
    const password = new URL(redis.url).password;
    expect(await readFile(`/proc/${await pidIn(own)}/cmdline`, 'utf8')).not.toContain(password);
    expect((await stat(path.join(own, 'redis.conf'))).mode & 0o077).toBe(0);
    const connection = new Redis(redis.url);
    expect(await connection.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await connection.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    await connection.set('kept', 'yes');
    connection.disconnect();
    await redis.stop();
    await redis.start();
    const again = new Redis(redis.url);
    expect(await again.get('kept')).toBe('yes');
    again.disconnect();
    const stranger = new Redis({
      port: Number(new URL(redis.url).port),
      lazyConnect: true,
      retryStrategy: () => null,
    });
    stranger.on('error', () => undefined);
    await expect(stranger.get('kept')).rejects.toThrow();
    stranger.disconnect();
    await redis.stop();
  });
});

describe('a folder that the service account may not pass through', () => {
  it('is replaced by one that it may', async () => {
    const account = await findServiceAccount();
    const closed = path.join(folder, 'closed');
    const wanted = path.join(closed, 'postgres');
    await mkdir(closed, { mode: 0o700 });
    const given = await reachableFolder(wanted, account);
    expect(given === wanted).toBe(account === null);
    expect((await stat(given)).uid).toBe(account?.uid ?? process.getuid?.());
    if (given !== wanted) {
      await rm(given, { recursive: true });
    }
  });
});

describe('a daemon', () => {
  const start = (pidFile: string) =>
    startDaemon({
      program: '/bin/sleep',
      args: ['60'],
      env: {},
      cwd: folder,
      pidFile,
      logFile: path.join(folder, 'log'),
    });

  it('is found by its pid file and stopped as a group', async () => {
    const pidFile = path.join(folder, 'pid.json');
    const pid = await start(pidFile);
    expect(await runningPid(pidFile)).toBe(pid);
    expect(await stopDaemon(pidFile, { graceMs: 5_000 })).toBe(true);
    expect(await runningPid(pidFile)).toBeNull();
    expect(await stopDaemon(pidFile, { graceMs: 100 })).toBe(false);
  });

  it('whose pid belongs to another process by now is left alone', async () => {
    const pidFile = path.join(folder, 'pid.json');
    const pid = await start(pidFile);
    const stale = path.join(folder, 'stale.json');
    await writeFile(stale, JSON.stringify({ pid, startTime: '1' }));
    expect(await runningPid(stale)).toBeNull();
    expect(await stopDaemon(stale, { graceMs: 100 })).toBe(false);
    expect(await runningPid(pidFile)).toBe(pid);
    await stopDaemon(pidFile, { graceMs: 5_000 });
  });
});
