/** pg_restore: into a database with errors fatal, or only to read an archive. */
import type { ClientPrograms } from './client-programs.ts';
import { type ConnectOptions, type DatabaseAddress, libpqEnvironment } from './database-address.ts';
import { type RunningTool, runTool, type ToolCommand } from '../process/run-tool.ts';

export interface PgRestoreOptions {
  readonly client: ClientPrograms;
  /** A database that exists and is empty; its name must be one of ours. */
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
  /** False leaves owners and grants out. */
  readonly withOwners: boolean;
  /** A file that lists the entries of the table of contents to restore, as `pg_restore --list` prints them. */
  readonly listFile?: string;
  /** False only where what can't be restored may be missing: pg_restore then exits 1 and goes on. */
  readonly isExitOnError?: boolean;
  /** On standard input, unless it is a folder. Default: custom. */
  readonly input?: RestoreInput;
}

export type RestoreInput =
  | { readonly format: 'custom' | 'tar' }
  | { readonly format: 'directory'; readonly folder: string; readonly jobs: number };

export function pgRestoreCommand(options: PgRestoreOptions): ToolCommand {
  const { client, address, connect, input = { format: 'custom' } } = options;
  return {
    program: client.pgRestore,
    args: [
      `--format=${input.format}`,
      ...(options.isExitOnError === false ? [] : ['--exit-on-error']),
      '--no-password',
      `--dbname=${address.database}`,
      ...(options.withOwners ? [] : ['--no-owner', '--no-privileges']),
      ...(options.listFile === undefined ? [] : [`--use-list=${options.listFile}`]),
      ...(input.format === 'directory' ? [`--jobs=${input.jobs}`, input.folder] : []),
    ],
    env: libpqEnvironment(address, connect),
    stdin: input.format === 'directory' ? 'ignore' : 'pipe',
    stdout: 'ignore',
  };
}

/** Lists the table of contents of the archive on standard input, or of a folder; reads no more of it than that. */
export async function startPgRestoreList(
  client: ClientPrograms,
  input: { readonly format: 'custom' | 'tar' } | { readonly format: 'directory'; readonly folder: string },
): Promise<RunningTool> {
  const isFolder = input.format === 'directory';
  return await runTool({
    program: client.pgRestore,
    args: [`--format=${input.format}`, '--list', ...(isFolder ? [input.folder] : [])],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdin: isFolder ? 'ignore' : 'pipe',
    stdout: 'pipe',
  });
}

/** Reads the archive on standard input to the end of its last data block, and keeps nothing of it. */
export function pgRestoreReadCommand(client: ClientPrograms, format: 'custom' | 'tar'): ToolCommand {
  return {
    program: client.pgRestore,
    args: [`--format=${format}`, '--file=/dev/null'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdin: 'pipe',
    stdout: 'ignore',
  };
}

export interface ScriptOptions {
  readonly client: ClientPrograms;
  readonly withOwners: boolean;
  /** True has what is there dropped before it is made anew. */
  readonly isClean: boolean;
  readonly listFile: string | null;
  readonly input: RestoreInput;
}

/** Makes a script of the archive, on standard output, instead of restoring it. */
export function pgRestoreScriptCommand(options: ScriptOptions): ToolCommand {
  const { client, withOwners, isClean, listFile, input } = options;
  return {
    program: client.pgRestore,
    args: [
      `--format=${input.format}`,
      '--file=-',
      ...(isClean ? ['--clean', '--if-exists'] : []),
      ...(withOwners ? [] : ['--no-owner', '--no-privileges']),
      ...(listFile === null ? [] : [`--use-list=${listFile}`]),
      ...(input.format === 'directory' ? [input.folder] : []),
    ],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdin: input.format === 'directory' ? 'ignore' : 'pipe',
    stdout: 'pipe',
  };
}
