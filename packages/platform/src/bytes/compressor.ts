/** Compression and decompression in child processes: the event loop stays free and zstd uses every core. */
import { availableParallelism } from 'node:os';
import type { CompressionType } from '@holdfast/contracts/backups';
import type { FilterCommand } from '../process/start-filters.ts';
import { filterCommand, findProgram } from './filter-command.ts';

export interface Compression {
  readonly type: CompressionType;
  /** gzip 1 to 9, zstd 1 to 19; null for none. */
  readonly level: number | null;
}

/** More threads than this cost memory and gain nothing: pg_dump is the slower end by then. */
const maxThreads = 4;

/** The program that compresses standard input to standard output; null where nothing is to be compressed. */
export async function compressorCommand({ type, level }: Compression): Promise<FilterCommand | null> {
  const threads = Math.min(availableParallelism(), maxThreads);
  switch (type) {
    case 'none':
      return null;
    case 'zstd':
      return await filterCommand('zstd', [
        `-${level ?? 3}`,
        `-T${threads}`,
        '--quiet',
        '--stdout',
        '--no-progress',
      ]);
    case 'gzip':
      return (await findProgram('pigz')) === null
        ? await filterCommand('gzip', [`-${level ?? 6}`, '--stdout', '--no-name'])
        : await filterCommand('pigz', [
            `-${level ?? 6}`,
            '--processes',
            String(threads),
            '--stdout',
            '--no-name',
          ]);
  }
}

/** The program that undoes it; null where there is nothing to undo. */
export async function decompressorCommand(type: CompressionType): Promise<FilterCommand | null> {
  switch (type) {
    case 'none':
      return null;
    case 'zstd':
      return await filterCommand('zstd', ['--decompress', '--quiet', '--stdout']);
    case 'gzip':
      return await filterCommand('gzip', ['--decompress', '--stdout']);
  }
}
