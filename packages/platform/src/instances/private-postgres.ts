/** A private PostgreSQL server in a folder of its own: made at the first start, found again at the next. */
import { randomBytes } from 'node:crypto';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { Client } from 'pg';
import { quoteIdentifier } from '../pgtools/quote.ts';
import { runningPid, startDaemon, stopDaemon } from '../process/daemon.ts';
import { runCommand } from '../process/run-command.ts';
import { findFreePort } from './free-port.ts';
import type { ServiceAccount } from './service-account.ts';

export interface PrivatePostgresOptions {
  /** Belongs to the account; everything of the server is kept in it. */
  readonly folder: string;
  readonly binDir: string;
  readonly account: ServiceAccount | null;
  /** postgresql.conf settings beside our own. */
  readonly settings?: Readonly<Record<string, string>>;
}

interface Remembered {
  readonly port: number;
  readonly password: string;
}

const user = 'holdfast';
const startWithinMs = 60_000;

export class PrivatePostgres {
  readonly #options: PrivatePostgresOptions;
  #remembered: Remembered | null = null;

  constructor(options: PrivatePostgresOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#state.port;
  }

  get dataDir(): string {
    return path.join(this.#options.folder, 'data');
  }

  url(database: string): string {
    return `postgresql://${user}:${this.#state.password}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  /** Starts it, or finds it running. @throws AppError INVALID_CONFIG with the end of its log */
  async start(): Promise<void> {
    const { folder, binDir } = this.#options;
    this.#remembered = await this.#remember();
    if ((await runningPid(this.#pidFile)) !== null) {
      await this.#waitUntilReady();
      return;
    }
    if (!(await this.#isInitialised())) {
      await this.#initialise();
    }
    await this.#save({ ...this.#state, port: await findFreePort(this.#state.port || undefined) });
    const settings = {
      port: String(this.port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      ...this.#options.settings,
    };
    await startDaemon({
      program: path.join(binDir, 'postgres'),
      args: [
        '-D',
        this.dataDir,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      cwd: folder,
      pidFile: this.#pidFile,
      logFile: this.#logFile,
      ...this.#options.account,
    });
    await this.#waitUntilReady();
  }

  /** `immediate` is a crash; `fast` ends sessions and closes cleanly. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await stopDaemon(this.#pidFile, { signal: mode === 'fast' ? 'SIGINT' : 'SIGQUIT', graceMs: 30_000 });
  }

  /** Where it is not there yet. */
  async createDatabase(name: string): Promise<void> {
    await this.#administer(async (client) => {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (rowCount === 0) {
        await client.query(`CREATE DATABASE ${quoteIdentifier(name)}`);
      }
    });
  }

  /** Where it is there. */
  async dropDatabase(name: string): Promise<void> {
    await this.#administer((client) =>
      client.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`),
    );
  }

  async #administer(work: (client: Client) => Promise<unknown>): Promise<void> {
    const client = new Client({ connectionString: this.url('postgres') });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }

  get #state(): Remembered {
    if (this.#remembered === null) {
      throw new Error('the private PostgreSQL has not been started');
    }
    return this.#remembered;
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

  async #remember(): Promise<Remembered> {
    try {
      return JSON.parse(await readFile(this.#stateFile, 'utf8')) as Remembered;
    } catch {
      return { port: 0, password: randomBytes(24).toString('base64url') };
    }
  }

  async #save(remembered: Remembered): Promise<void> {
    this.#remembered = remembered;
    await writeFile(this.#stateFile, JSON.stringify(remembered), { mode: 0o600 });
  }

  async #isInitialised(): Promise<boolean> {
    return await readFile(path.join(this.#options.folder, 'initialised')).then(
      () => true,
      () => false,
    );
  }

  async #initialise(): Promise<void> {
    const { folder, binDir, account } = this.#options;
    // What an interrupted attempt left is not a cluster.
    await rm(this.dataDir, { recursive: true, force: true });
    await this.#save(this.#state);
    const passwordFile = path.join(folder, 'password');
    await writeFile(passwordFile, this.#state.password, { mode: 0o600 });
    if (account !== null) {
      await chown(passwordFile, account.uid, account.gid);
    }
    try {
      const args = [
        '-D',
        this.dataDir,
        '-U',
        user,
        '-A',
        'scram-sha-256',
        '--pwfile',
        passwordFile,
        '-E',
        'UTF8',
        '--locale',
        'C.UTF-8',
        '--data-checksums',
      ];
      await runCommand(path.join(binDir, 'initdb'), args, {
        ...account,
        cwd: folder,
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
      });
    } finally {
      await rm(passwordFile, { force: true });
    }
    await writeFile(path.join(folder, 'initialised'), '');
  }

  async #waitUntilReady(): Promise<void> {
    const pollMs = 50;
    for (let waitedMs = 0; waitedMs < startWithinMs; waitedMs += pollMs) {
      const client = new Client({ connectionString: this.url('postgres'), connectionTimeoutMillis: 5_000 });
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        if ((await runningPid(this.#pidFile)) === null) {
          break;
        }
        await delay(pollMs);
      }
    }
    const log = await readFile(this.#logFile, 'utf8').catch(() => '');
    throw new AppError(
      'INVALID_CONFIG',
      `The private PostgreSQL did not start. The end of ${this.#logFile}:\n${log.slice(-1_500)}`,
    );
  }
}
