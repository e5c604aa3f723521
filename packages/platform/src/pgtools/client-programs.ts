/** Finds the PostgreSQL client programs on this machine and chooses those that suit a server. */
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { runCommand } from '../process/run-command.ts';

export interface ClientPrograms {
  readonly pgDump: string;
  readonly pgRestore: string;
  /** Comes with the two others; needed only for scripts. */
  readonly psql: string;
  /** As printed, for example "15.18". */
  readonly version: string;
  readonly majorVersion: number;
}

/** Every usable pair of pg_dump and pg_restore, newest first. `extraDirs` come before the usual folders. */
export async function findClientPrograms(extraDirs: readonly string[]): Promise<ClientPrograms[]> {
  const found: ClientPrograms[] = [];
  for (const dir of new Set([...extraDirs, ...(await usualDirs())])) {
    const programs = await inspectDir(dir);
    if (programs && !found.some((other) => other.version === programs.version)) {
      found.push(programs);
    }
  }
  return found.sort((a, b) => compareVersions(b.version, a.version));
}

/**
 * The newest client; it must not be older than the server.
 * @throws AppError VERSION_MISMATCH naming both versions and what to install.
 */
export function chooseClient(clients: readonly ClientPrograms[], serverVersion: string): ClientPrograms {
  const serverMajor = Number.parseInt(serverVersion, 10);
  const newest = clients[0];
  if (newest === undefined || newest.majorVersion < serverMajor) {
    throw new AppError(
      'VERSION_MISMATCH',
      `The server runs PostgreSQL ${serverVersion}; the newest pg_dump here is ${newest?.version ?? 'missing'}.`,
      {
        remediation: `Install postgresql-client-${serverMajor} on the workers, or name its folder in HOLDFAST_PG_BIN_DIRS.`,
      },
    );
  }
  return newest;
}

async function usualDirs(): Promise<string[]> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return [...versions.map((version) => path.join(root, version, 'bin')), '/usr/local/bin', '/usr/bin'];
}

async function inspectDir(dir: string): Promise<ClientPrograms | null> {
  const pgDump = path.join(dir, 'pg_dump');
  const pgRestore = path.join(dir, 'pg_restore');
  try {
    await access(pgDump, constants.X_OK);
    await access(pgRestore, constants.X_OK);
    const printed = await runCommand(pgDump, ['--version'], {
      timeoutMs: 10_000,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    });
    const version = /(\d+(?:\.\d+)*)/.exec(printed)?.[1];
    return version === undefined
      ? null
      : {
          pgDump,
          pgRestore,
          psql: path.join(dir, 'psql'),
          version,
          majorVersion: Number.parseInt(version, 10),
        };
  } catch {
    return null; // Not a usable pair; another folder may have one.
  }
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
