/**
 * psql as it replays a script: errors fatal, nothing read that is not the script. Not with --single-transaction, which commits at the end of
 * its input, whatever cut it short: the script itself brings BEGIN, and COMMIT once it has come whole (archive/replay-script.ts).
 */
import { randomBytes } from 'node:crypto';
import type { ClientPrograms } from './client-programs.ts';
import { type ConnectOptions, type DatabaseAddress, libpqEnvironment } from './database-address.ts';
import type { ToolCommand } from '../process/run-tool.ts';

export interface PsqlOptions {
  readonly client: ClientPrograms;
  /** A database that exists; its name must be one of ours. */
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
}

/** The script goes to standard input. */
export function psqlReplayCommand({ client, address, connect }: PsqlOptions): ToolCommand {
  return {
    program: client.psql,
    args: [
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      `--dbname=${address.database}`,
      '--file=-',
    ],
    env: libpqEnvironment(address, connect),
    stdin: 'pipe',
    stdout: 'ignore',
  };
}

/** The same, fed by a pipe, with what its queries answer on standard output: a line a row. */
export function psqlSessionCommand(options: PsqlOptions, inputFd: number): ToolCommand {
  const replay = psqlReplayCommand(options);
  return { ...replay, args: ['--tuples-only', '--no-align', ...replay.args], stdin: inputFd, stdout: 'pipe' };
}

/** Of each major version, the first minor whose psql can be locked; from 18 on every one. */
const firstLockable: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

/** A key for `\restrict`, after which psql runs no command of its own until it is told the key; null where it is too old to know it. */
export function restrictKey({ version, majorVersion }: ClientPrograms): string | null {
  const minor = Number(version.split('.')[1] ?? 0);
  const isLockable = majorVersion >= 18 || minor >= (firstLockable[majorVersion] ?? Number.POSITIVE_INFINITY);
  return isLockable ? randomBytes(24).toString('hex') : null;
}

/** Statistics for the planner of every table: a restore brings none. */
export function analyseCommand({ client, address, connect }: PsqlOptions): ToolCommand {
  return {
    program: client.psql,
    args: [
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      `--dbname=${address.database}`,
      '--command=ANALYZE',
    ],
    env: libpqEnvironment(address, connect),
    stdin: 'ignore',
    stdout: 'ignore',
  };
}
