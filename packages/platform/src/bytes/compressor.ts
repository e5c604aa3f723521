/** Compression and decompression in child processes: the event loop stays free and zstd uses every core. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type RunningTool, runTool } from '../process/run-tool.ts';
import type { FilterCommand } from '../process/start-filters.ts';

export interface Compression {
  readonly type: CompressionType;
  /** gzip 1 to 9, zstd 1 to 19; null for none. */
  readonly level: number | null;
}

/** More threads than this cost memory and gain nothing: pg_dump is the slower end by then. */
const maxThreads = 4;

const toolEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** The program that compresses standard input to standard output; null where nothing is to be compressed. */
export async function compressorCommand({ type, level }: Compression): Promise<FilterCommand | null> {
  const threads = Math.min(availableParallelism(), maxThreads);
  switch (type) {
    case 'none':
      return null;
    case 'zstd':
      return await command('zstd', [
        `-${level ?? 3}`,
        `-T${threads}`,
        '--quiet',
        '--stdout',
        '--no-progress',
      ]);
    case 'gzip': {
      const pigz = await findProgram('pigz');
      return await (pigz === null
        ? command('gzip', [`-${level ?? 6}`, '--stdout', '--no-name'])
        : command('pigz', [`-${level ?? 6}`, '--processes', String(threads), '--stdout', '--no-name']));
    }
  }
}

/** A child that undoes it. */
export async function startDecompressor(type: CompressionType): Promise<RunningTool | null> {
  switch (type) {
    case 'none':
      return null;
    case 'zstd':
      return await start('zstd', ['--decompress', '--quiet', '--stdout']);
    case 'gzip':
      return await start('gzip', ['--decompress', '--stdout']);
  }
}

async function start(name: string, args: string[]): Promise<RunningTool> {
  return await runTool({ ...(await command(name, args)), stdin: 'pipe', stdout: 'pipe' });
}

async function command(name: string, args: string[]): Promise<FilterCommand> {
  const program = await findProgram(name);
  if (program === null) {
    throw new AppError('INVALID_CONFIG', `The program "${name}" is not installed on this worker.`, {
      remediation: `Install the package ${name} on every worker.`,
    });
  }
  return { program, args, env: toolEnvironment };
}

async function findProgram(name: string): Promise<string | null> {
  for (const dir of toolEnvironment.PATH.split(':')) {
    const candidate = path.join(dir, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Perhaps in the next folder.
    }
  }
  return null;
}
