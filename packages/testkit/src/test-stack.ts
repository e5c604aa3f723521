/** A whole Holdfast for one test file: metadata database, target, storage, API and workers as real processes. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { DrillView } from '@holdfast/contracts/drills';
import type { VerificationView } from '@holdfast/contracts/verifications';
import { createTestDatabase, queryOnce, type Template, type TestDatabase } from './databases.ts';
import { TestClient } from './test-client.ts';
import { TestProcess } from './test-process.ts';
import { until } from './until.ts';

export interface TestStackOptions {
  readonly target?: Template;
  /** Another server's database instead. */
  readonly targetUrl?: string;
  /** Another server for the metadata, with the template of `makeMetadataTemplate`, as a URL of any of its databases. */
  readonly metadataServer?: string;
  /** Another Redis than the run's. */
  readonly redisUrl?: string;
  /** Columns of backup_settings. */
  readonly settings?: Readonly<Record<string, number | string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs what `npm run build` made. */
  readonly isBuilt?: boolean;
}

const ended = ['completed', 'failed', 'cancelled'];

export class TestStack {
  readonly metadata: TestDatabase;
  readonly target: TestDatabase | null;
  readonly storageDir: string;
  readonly folder: string;
  readonly processes: TestProcess[] = [];
  readonly #workers: TestProcess[] = [];
  readonly #env: Record<string, string>;
  readonly #isBuilt: boolean;

  private constructor(parts: {
    metadata: TestDatabase;
    target: TestDatabase | null;
    folder: string;
    env: Record<string, string>;
    isBuilt: boolean;
  }) {
    this.metadata = parts.metadata;
    this.target = parts.target;
    this.folder = parts.folder;
    this.storageDir = path.join(parts.folder, 'backups');
    this.#env = parts.env;
    this.#isBuilt = parts.isBuilt;
  }

  static async create(options: TestStackOptions = {}): Promise<TestStack> {
    const metadata = await createTestDatabase('metadata_template', options.metadataServer);
    const target =
      options.targetUrl === undefined ? await createTestDatabase(options.target ?? 'demo_template') : null;
    const folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'stack-'));
    const settings = { retry_delay: 0, ...options.settings };
    const sets = Object.entries<number | string>(settings).map(([column, value]) => `${column} = '${value}'`);
    await metadata.query(`UPDATE backup_settings SET ${sets.join(', ')}`);
    return new TestStack({
      metadata,
      target,
      folder,
      isBuilt: options.isBuilt ?? false,
      env: {
        METADATA_DATABASE_URL: metadata.url,
        TARGET_DATABASE_URL: options.targetUrl ?? (target as TestDatabase).url,
        REDIS_URL: options.redisUrl ?? (process.env['HOLDFAST_TEST_REDIS_URL'] as string),
        HOLDFAST_REDIS_PREFIX: `test-${randomBytes(6).toString('hex')}`,
        HOLDFAST_STORAGE: path.join(folder, 'backups'),
        HOLDFAST_SCRATCH_DIR: path.join(folder, 'scratch'),
        HOLDFAST_SECRET_KEY: randomBytes(32).toString('hex'),
        HOLDFAST_ADMIN_PASSWORD: 'correct horse battery',
        HOLDFAST_PORT: '0',
        HOLDFAST_LEASE_SECONDS: process.env['HOLDFAST_TEST_LEASE_SECONDS'] ?? '8',
        HOLDFAST_RECONCILE_SECONDS: '0.25',
        HOLDFAST_SHUTDOWN_GRACE_SECONDS: '1',
        ...options.env,
      },
    });
  }

  /** Starts an API process; resolves when it listens. */
  async startApi(
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ process: TestProcess; client: TestClient }> {
    const started = this.#start('api', env);
    const { address } = await started.find((line) => line.address !== undefined);
    return {
      process: started,
      client: await TestClient.signIn(
        address as string,
        'admin@localhost',
        this.#env['HOLDFAST_ADMIN_PASSWORD'] as string,
      ),
    };
  }

  async startWorker(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    const started = this.#start('worker', env);
    this.#workers.push(started);
    await started.find((line) => line.msg === 'worker started');
    return started;
  }

  #start(script: 'api' | 'worker', env: Readonly<Record<string, string>>): TestProcess {
    const started = new TestProcess(script, { ...this.#env, ...env }, this.#isBuilt);
    this.processes.push(started);
    return started;
  }

  /** Creates a backup over HTTP and waits for its end. */
  async backUp(client: TestClient, input: Partial<CreateBackup> = {}): Promise<BackupView> {
    return await this.untilEnded(client, await client.createBackup(input));
  }

  async untilEnded(client: TestClient, backupId: number): Promise<BackupView> {
    await this.untilStatus('admin_backups', backupId, ended);
    return await client.get<BackupView>(`/backups/${backupId}`);
  }

  async drill(client: TestClient, backupId: number): Promise<DrillView> {
    const { operationId } = await client.post<{ operationId: string }>(`/backups/${backupId}/drill`);
    await this.untilStatus('drills', operationId, ended);
    return await client.get<DrillView>(`/drills/${operationId}`);
  }

  async verify(client: TestClient, backupId: number): Promise<VerificationView> {
    const { operationId } = await client.post<{ operationId: string }>(`/backups/${backupId}/verify`);
    await this.untilStatus('verifications', operationId, ended);
    return await client.get<VerificationView>(`/verifications/${operationId}`);
  }

  /** Looks at the row itself: asking the API so often would meet its rate limit. */
  async untilStatus(
    table:
      | 'admin_backups'
      | 'drills'
      | 'verifications'
      | 'backup_copies'
      | 'catalog_rebuilds'
      | 'restore_operations'
      | 'restore_rollbacks',
    id: number | string,
    statuses: readonly string[],
  ): Promise<string> {
    const key = table === 'admin_backups' || table === 'backup_copies' ? 'id' : 'operation_id';
    return await until(async () => {
      const [row] = await this.metadata.query<{ status: string }>(
        `SELECT status FROM ${table} WHERE ${key} = $1`,
        [id],
      );
      return row !== undefined && statuses.includes(row.status) && row.status;
    });
  }

  /** Every file in the storage folder, relative to it. */
  async storedFiles(): Promise<string[]> {
    return await filesIn(this.storageDir);
  }

  storedPath(backup: BackupView): string {
    return path.join(this.storageDir, backup.filePath);
  }

  /** Sessions on the target's server that belong to operations. */
  async operationSessions(): Promise<string[]> {
    const url = this.#env['TARGET_DATABASE_URL'] as string;
    const rows = await queryOnce<{ name: string }>(
      url,
      `SELECT application_name AS name FROM pg_stat_activity WHERE datname = $1 AND application_name ~ '^holdfast-[0-9a-f]{6}/(backup|drill|restore|rollback|verify)/'`,
      [decodeURIComponent(new URL(url).pathname.slice(1))],
    );
    return rows.map((row) => row.name);
  }

  /** Scratch databases of this stack's drills; other test files drill on the same server. */
  async scratchDatabases(): Promise<string[]> {
    const drills = await this.metadata.query<{ id: string }>(
      `SELECT replace(operation_id::text, '-', '') AS id FROM drills`,
    );
    const rows = await queryOnce<{ name: string }>(
      this.#env['TARGET_DATABASE_URL'] as string,
      `SELECT datname AS name FROM pg_database WHERE substr(datname, 16, 32) = ANY ($1) AND starts_with(datname, 'holdfast_drill_')`,
      [drills.map((drill) => drill.id)],
    );
    return rows.map((row) => row.name);
  }

  /** Databases that restores and rollbacks of this stack have on the target's server: what they fill, keep and have put aside. */
  async restoreDatabases(): Promise<string[]> {
    const operations = await this.metadata.query<{ id: string }>(
      `SELECT replace(operation_id::text, '-', '') AS id FROM restore_operations
       UNION ALL SELECT replace(operation_id::text, '-', '') FROM restore_rollbacks`,
    );
    if (operations.length === 0) {
      return []; // And the server may not answer: there are tests of that.
    }
    const rows = await queryOnce<{ name: string }>(
      this.#serverUrl,
      `SELECT datname AS name FROM pg_database WHERE datname ~ '^holdfast_(restore|kept|undone)_'
         AND substr(split_part(datname, '_', 3), 1, 32) = ANY ($1) ORDER BY 1`,
      [operations.map(({ id }) => id)],
    );
    return rows.map(({ name }) => name);
  }

  /** Leads to a database that no restore touches. */
  get #serverUrl(): string {
    const url = new URL(this.#env['TARGET_DATABASE_URL'] as string);
    url.pathname = '/postgres';
    return url.href;
  }

  async dropRestoreDatabases(): Promise<void> {
    for (const name of await this.restoreDatabases()) {
      await queryOnce(this.#serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  }

  async killWorkers(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.kill()));
  }

  /** Ends every process and drops everything. */
  async destroy(): Promise<void> {
    await Promise.all(this.processes.map((started) => started.kill()));
    await this.dropRestoreDatabases();
    await this.metadata.drop();
    await this.target?.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Every file under a folder, relative to it, whatever its name. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}
