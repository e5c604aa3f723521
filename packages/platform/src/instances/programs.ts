/** Finds the programs that private instances and pipelines need, and installs them where Debian's apt can. */
import { access, constants, copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { runCommand } from '../process/run-command.ts';

export interface Programs {
  /** Folder with postgres, initdb, pg_ctl, pg_dump and pg_restore of one version, the newest. */
  readonly postgresBinDir: string;
  readonly redisServer: string;
}

const packages = ['postgresql', 'redis-server', 'zstd', 'pigz', 'age'] as const;

/** Null where any is missing. */
export async function findPrograms(): Promise<Programs | null> {
  const postgresBinDir = await findPostgres();
  const redisServer = await findOnPath('redis-server');
  const zstd = await findOnPath('zstd');
  const gzip = (await findOnPath('pigz')) ?? (await findOnPath('gzip'));
  const age = await findOnPath('age');
  return postgresBinDir === null || redisServer === null || zstd === null || gzip === null || age === null
    ? null
    : { postgresBinDir, redisServer };
}

/**
 * Installs what is missing; no service is started and no cluster created by it.
 * @throws AppError INVALID_CONFIG with the one command to run, where it may not or can't
 */
export async function ensurePrograms(onInstall: (message: string) => void): Promise<Programs> {
  const found = await findPrograms();
  if (found !== null) {
    return found;
  }
  const prefix = await aptPrefix();
  onInstall(`Installing ${packages.join(', ')} …`);
  const restore = prefix.length === 0 ? await keepServicesStopped() : async () => undefined;
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const program = prefix[0] ?? 'apt-get';
    const args = prefix.length === 0 ? [] : [...prefix.slice(1), 'apt-get'];
    await runCommand(program, [...args, 'update', '-q'], { env });
    await runCommand(
      program,
      [
        ...args,
        'install',
        '-q',
        '-y',
        '--no-install-recommends',
        '-o',
        'Dpkg::Options::=--force-confold',
        ...packages,
      ],
      { env },
    );
  } catch (error) {
    throw missingPrograms(error);
  } finally {
    await restore();
  }
  const installed = await findPrograms();
  if (installed === null) {
    throw missingPrograms(null);
  }
  return installed;
}

function missingPrograms(cause: unknown): AppError {
  return new AppError(
    'INVALID_CONFIG',
    'PostgreSQL (server and client), Redis, zstd, gzip or age is missing and could not be installed.',
    {
      remediation: `Install them and start again, for example: sudo apt-get install ${packages.join(' ')}`,
      cause,
    },
  );
}

/** Empty as root, sudo where it asks for no password. */
async function aptPrefix(): Promise<string[]> {
  if ((await findOnPath('apt-get')) === null) {
    throw missingPrograms(null);
  }
  if (process.getuid?.() === 0) {
    return [];
  }
  try {
    await runCommand('sudo', ['-n', 'true']);
    return ['sudo', '-n'];
  } catch (error) {
    throw missingPrograms(error);
  }
}

const policyFile = '/usr/sbin/policy-rc.d';
const clusterFile = '/etc/postgresql-common/createcluster.conf';
const packagedClusterFile = '/usr/share/postgresql-common/createcluster.conf';

/** Debian starts what it installs unless told otherwise; told so only for the time of the installation. */
async function keepServicesStopped(): Promise<() => Promise<void>> {
  const undo: (() => Promise<void>)[] = [];
  if (!(await exists(policyFile))) {
    await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    undo.push(() => rm(policyFile, { force: true }));
  }
  if (!(await exists(clusterFile))) {
    await runCommand('mkdir', ['-p', path.dirname(clusterFile)]);
    await writeFile(clusterFile, 'create_main_cluster = false\n');
    // Ours goes again; the package's own takes its place.
    undo.push(() => copyFile(packagedClusterFile, clusterFile).catch(() => rm(clusterFile, { force: true })));
  }
  return async () => {
    for (const step of undo) {
      await step();
    }
  };
}

async function findPostgres(): Promise<string | null> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const dir = path.join(root, version, 'bin');
    const needed = ['postgres', 'initdb', 'pg_ctl', 'pg_dump', 'pg_restore'].map((name) =>
      exists(path.join(dir, name)),
    );
    if ((await Promise.all(needed)).every(Boolean)) {
      return dir;
    }
  }
  return null;
}

async function findOnPath(name: string): Promise<string | null> {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/bin']) {
    const candidate = path.join(dir || '/', name);
    if (await exists(candidate)) {
      return candidate;
    }
  }
  return null;
}

async function exists(file: string): Promise<boolean> {
  return await access(file, constants.F_OK).then(
    () => true,
    () => false,
  );
}
