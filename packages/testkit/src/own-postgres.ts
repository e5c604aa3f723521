/** A PostgreSQL server for one test file alone: it may be crashed, given roles, or stay empty. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';

export interface OwnPostgres {
  readonly server: PrivatePostgres;
  /** Stops it and removes its folder; harmless where it has been stopped. */
  readonly destroy: () => Promise<void>;
}

/** Started. Settings are those of postgresql.conf; fsync stays on unless they say otherwise. */
export async function startOwnPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnPostgres> {
  const folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'postgres-'));
  await chmod(folder, 0o755);
  const account = await findServiceAccount();
  const server = new PrivatePostgres({
    folder: await reachableFolder(path.join(folder, 'data'), account),
    binDir: (await findPrograms())?.postgresBinDir as string,
    account,
    settings,
  });
  await server.start();
  return {
    server,
    destroy: async () => {
      await server.stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
