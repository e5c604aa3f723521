/** A private PostgreSQL and Redis for one benchmark, with what TestStack needs of them. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { PrivateRedis } from '@holdfast/platform/instances/private-redis';
import { ensurePrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import { makeMetadataTemplate } from '@holdfast/testkit/metadata-template';

export interface BenchServices {
  readonly folder: string;
  readonly postgres: PrivatePostgres;
}

/** Everything is gone when `work` has ended, however it ends. */
export async function withBenchServices(
  settings: Readonly<Record<string, string>>,
  work: (services: BenchServices) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-bench-'));
  await chmod(folder, 0o755);
  const programs = await ensurePrograms((line) => void process.stdout.write(`${line}\n`));
  const account = await findServiceAccount();
  const postgres = new PrivatePostgres({
    folder: await reachableFolder(path.join(folder, 'postgres'), account),
    binDir: programs.postgresBinDir,
    account,
    settings,
  });
  const redis = new PrivateRedis({
    folder: await reachableFolder(path.join(folder, 'redis'), account),
    program: programs.redisServer,
    account,
  });
  // Processes under test hold no event loop open.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await Promise.all([postgres.start(), redis.start()]);
    process.env['HOLDFAST_TEST_POSTGRES_URL'] = postgres.url('postgres');
    process.env['HOLDFAST_TEST_REDIS_URL'] = redis.url;
    process.env['HOLDFAST_TEST_FOLDER'] = folder;
    await makeMetadataTemplate(postgres);
    await work({ folder, postgres });
  } finally {
    await postgres.stop('immediate');
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
    clearInterval(alive);
  }
}
