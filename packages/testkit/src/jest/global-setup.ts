/** Starts one private PostgreSQL and one private Redis for a whole jest run, with templates to clone databases from. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadDemoForum } from '@holdfast/demo';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { PrivateRedis } from '@holdfast/platform/instances/private-redis';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import { makeMetadataTemplate } from '../metadata-template.ts';

/** Small, so that every test that dumps it stays quick; still with every odd object. */
const demoBytes = 20_000_000;
/** A run that is lost loses nothing that anybody wants back. */
const fastSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
  shared_buffers: '128MB',
  max_prepared_transactions: '10',
};

export interface TestServices {
  readonly postgres: PrivatePostgres;
  readonly redis: PrivateRedis;
  readonly folder: string;
}

declare global {
  var holdfastTestServices: TestServices | undefined;
}

/** Jest calls it once for each project that names it; the first call serves all. */
export default async function globalSetup(): Promise<void> {
  if (globalThis.holdfastTestServices !== undefined) {
    return;
  }
  const programs = await findPrograms();
  if (programs === null) {
    throw new Error('PostgreSQL, Redis, zstd or gzip is missing: ./holdfast test installs them');
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-test-'));
  await chmod(folder, 0o755);
  const account = await findServiceAccount();
  const postgres = new PrivatePostgres({
    folder: await reachableFolder(path.join(folder, 'postgres'), account),
    binDir: programs.postgresBinDir,
    account,
    settings: fastSettings,
  });
  const redis = new PrivateRedis({
    folder: await reachableFolder(path.join(folder, 'redis'), account),
    program: programs.redisServer,
    account,
  });
  globalThis.holdfastTestServices = { postgres, redis, folder };
  process.once('SIGINT', () => void stopTestServices().finally(() => process.exit(130)));
  await Promise.all([postgres.start(), redis.start()]);
  process.env['HOLDFAST_TEST_POSTGRES_URL'] = postgres.url('postgres');
  process.env['HOLDFAST_TEST_REDIS_URL'] = redis.url;
  process.env['HOLDFAST_TEST_FOLDER'] = folder;
  await Promise.all([makeMetadataTemplate(postgres), makeDemoTemplate(postgres)]);
}

export async function stopTestServices(): Promise<void> {
  const services = globalThis.holdfastTestServices;
  globalThis.holdfastTestServices = undefined;
  if (services !== undefined) {
    await Promise.all([services.postgres.stop('immediate'), services.redis.stop()]);
    await rm(services.folder, { recursive: true, force: true });
  }
}

async function makeDemoTemplate(postgres: PrivatePostgres): Promise<void> {
  await postgres.createDatabase('demo_template');
  await loadDemoForum({ connectionString: postgres.url('demo_template'), targetBytes: demoBytes });
}
