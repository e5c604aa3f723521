/** The private PostgreSQL and Redis of this installation. */
import path from 'node:path';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { PrivateRedis } from '@holdfast/platform/instances/private-redis';
import type { Programs } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import type { StackFolder } from './stack-folder.ts';

export interface PrivateServers {
  readonly postgres: PrivatePostgres;
  readonly redis: PrivateRedis;
}

export async function privateServers(folder: StackFolder, programs: Programs): Promise<PrivateServers> {
  const account = await findServiceAccount();
  return {
    postgres: new PrivatePostgres({
      folder: await reachableFolder(path.join(folder.data, 'postgres'), account),
      binDir: programs.postgresBinDir,
      account,
    }),
    redis: new PrivateRedis({
      folder: await reachableFolder(path.join(folder.data, 'redis'), account),
      program: programs.redisServer,
      account,
    }),
  };
}
