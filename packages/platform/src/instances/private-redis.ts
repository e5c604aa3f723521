/** A private Redis in a folder of its own: append-only, never evicting, its password in a file that only it reads. */
import { randomBytes } from 'node:crypto';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { Redis } from 'ioredis';
import { runningPid, startDaemon, stopDaemon } from '../process/daemon.ts';
import { findFreePort } from './free-port.ts';
import type { ServiceAccount } from './service-account.ts';

export interface PrivateRedisOptions {
  readonly folder: string;
  readonly program: string;
  readonly account: ServiceAccount | null;
}

interface Remembered {
  readonly port: number;
  readonly password: string;
}

export class PrivateRedis {
  readonly #options: PrivateRedisOptions;
  #remembered: Remembered | null = null;

  constructor(options: PrivateRedisOptions) {
    this.#options = options;
  }

  get url(): string {
    if (this.#remembered === null) {
      throw new Error('the private Redis has not been started');
    }
    return `redis://:${this.#remembered.password}@127.0.0.1:${this.#remembered.port}`;
  }

  /** Starts it, or finds it running. @throws AppError INVALID_CONFIG with the end of its log */
  async start(): Promise<void> {
    const { folder, program, account } = this.#options;
    const remembered = await this.#remember();
    this.#remembered = remembered;
    if ((await runningPid(this.#pidFile)) === null) {
      this.#remembered = { ...remembered, port: await findFreePort(remembered.port || undefined) };
      await writeFile(this.#stateFile, JSON.stringify(this.#remembered), { mode: 0o600 });
      const configFile = path.join(folder, 'redis.conf');
      await writeFile(configFile, this.#configuration(this.#remembered), { mode: 0o600 });
      if (account !== null) {
        await chown(configFile, account.uid, account.gid);
      }
      await startDaemon({
        program,
        args: [configFile],
        env: { PATH: '/usr/bin:/bin' },
        cwd: folder,
        pidFile: this.#pidFile,
        logFile: this.#logFile,
        ...account,
      });
    }
    await this.#waitUntilReady();
  }

  async stop(): Promise<void> {
    await stopDaemon(this.#pidFile, { graceMs: 15_000 });
  }

  /** Stops it without a word and, if asked to, without its data: what a machine that is lost does. */
  async crash({ keepData }: { keepData: boolean }): Promise<void> {
    await stopDaemon(this.#pidFile, { signal: 'SIGKILL', graceMs: 5_000 });
    if (!keepData) {
      await rm(path.join(this.#options.folder, 'appendonlydir'), { recursive: true, force: true });
      await rm(path.join(this.#options.folder, 'dump.rdb'), { force: true });
    }
  }

  get #pidFile(): string {
    return path.join(this.#options.folder, 'pid.json');
  }

  get #logFile(): string {
    return path.join(this.#options.folder, 'server.log');
  }

  get #stateFile(): string {
    return path.join(this.#options.folder, 'instance.json');
  }

  #configuration({ port, password }: Remembered): string {
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${password}`,
      `dir ${JSON.stringify(this.#options.folder)}`,
    ];
    // A queue may not lose what it accepted: no eviction, every second on disk.
    return [
      ...lines,
      'appendonly yes',
      'appendfsync everysec',
      'maxmemory-policy noeviction',
      'daemonize no',
      '',
    ].join('\n');
  }

  async #remember(): Promise<Remembered> {
    try {
      return JSON.parse(await readFile(this.#stateFile, 'utf8')) as Remembered;
    } catch {
      return { port: 0, password: randomBytes(24).toString('base64url') };
    }
  }

  async #waitUntilReady(): Promise<void> {
    const pollMs = 50;
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += pollMs) {
      const redis = new Redis(this.url, {
        lazyConnect: true,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
      });
      redis.on('error', () => undefined); // Not up yet: asked again below.
      try {
        await redis.connect();
        await redis.ping();
        redis.disconnect();
        return;
      } catch {
        redis.disconnect();
        if ((await runningPid(this.#pidFile)) === null) {
          break;
        }
        await delay(pollMs);
      }
    }
    const log = await readFile(this.#logFile, 'utf8').catch(() => '');
    throw new AppError(
      'INVALID_CONFIG',
      `The private Redis did not start. The end of ${this.#logFile}:\n${log.slice(-1_500)}`,
    );
  }
}
