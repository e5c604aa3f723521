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
  /** Of a folder that somebody named, rather than of the usual ones. */
  readonly isConfigured: boolean;
}

/** Every usable pair of pg_dump and pg_restore, newest first. `configuredDirs` come before the usual folders. */
export async function findClientPrograms(configuredDirs: readonly string[]): Promise<ClientPrograms[]> {
  const found: ClientPrograms[] = [];
  for (const dir of new Set([...configuredDirs, ...(await usualDirs())])) {
    const programs = await inspectDir(dir, configuredDirs.includes(dir));
    if (programs && !found.some((other) => other.version === programs.version)) {
      found.push(programs);
    }
  }
  return found.sort((a, b) => compareVersions(b.version, a.version));
}

/**
 * Never older than the server, since pg_dump refuses that. Of those that remain: one of a configured folder before the usual ones, then
 * the server's own major version before newer ones, then the newest. A newer major is the last resort because what its pg_dump writes can't
 * be read by the server's own pg_restore, and its pg_restore sends settings (transaction_timeout) that an older server refuses.
 * @throws AppError VERSION_MISMATCH naming both versions and what to install.
 */
export function chooseClient(clients: readonly ClientPrograms[], serverVersion: string): ClientPrograms {
  const serverMajor = Number.parseInt(serverVersion, 10);
  const suitable = clients.filter((client) => client.majorVersion >= serverMajor);
  const [best] = suitable.sort(
    (a, b) =>
      Number(b.isConfigured) - Number(a.isConfigured) ||
      a.majorVersion - b.majorVersion ||
      compareVersions(b.version, a.version),
  );
  if (best === undefined) {
    throw new AppError(
      'VERSION_MISMATCH',
      `The server runs PostgreSQL ${serverVersion}; the newest pg_dump here is ${clients[0]?.version ?? 'missing'}.`,
      {
        remediation: `Install postgresql-client-${serverMajor} on the workers (distributions without it: https://wiki.postgresql.org/wiki/Apt), or name its folder in HOLDFAST_PG_BIN_DIRS.`,
      },
    );
  }
  return best;
}

async function usualDirs(): Promise<string[]> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return [...versions.map((version) => path.join(root, version, 'bin')), '/usr/local/bin', '/usr/bin'];
}

async function inspectDir(dir: string, isConfigured: boolean): Promise<ClientPrograms | null> {
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
          isConfigured,
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
