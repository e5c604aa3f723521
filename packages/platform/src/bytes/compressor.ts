/** Compression and decompression in child processes: the event loop stays free and zstd uses every core. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type RunningTool, runTool } from '../process/run-tool.ts';

export interface Compression {
  readonly type: CompressionType;
  /** gzip 1 to 9, zstd 1 to 19; null for none. */
  readonly level: number | null;
}

/** More threads than this cost memory and gain nothing: pg_dump is the slower end by then. */
const maxThreads = 4;

const toolEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** A child that compresses standard input to standard output; null where nothing is to be compressed. */
export async function startCompressor({ type, level }: Compression): Promise<RunningTool | null> {
  const threads = Math.min(availableParallelism(), maxThreads);
  switch (type) {
    case 'none':
      return null;
    case 'zstd':
      return await start('zstd', [`-${level ?? 3}`, `-T${threads}`, '--quiet', '--stdout', '--no-progress']);
    case 'gzip': {
      const pigz = await findProgram('pigz');
      return await (pigz === null
        ? start('gzip', [`-${level ?? 6}`, '--stdout', '--no-name'])
        : start('pigz', [`-${level ?? 6}`, '--processes', String(threads), '--stdout', '--no-name']));
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
  const program = await findProgram(name);
  if (program === null) {
    throw new AppError('INVALID_CONFIG', `The program "${name}" is not installed on this worker.`, {
      remediation: `Install the package ${name} on every worker.`,
    });
  }
  return await runTool({ program, args, env: toolEnvironment, stdin: 'pipe', stdout: 'pipe' });
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
