/** `holdfast bench`: runs a benchmark of tests/bench with the same node. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { ensurePrograms } from '@holdfast/platform/instances/programs';
import { stackFolder } from '../stack/stack-folder.ts';
import { say } from '../terminal.ts';
import { run } from './test.ts';

export interface BenchOptions {
  readonly json?: string;
  /** Each benchmark has defaults of its own. */
  readonly size?: string;
  readonly rounds?: string;
  readonly formats?: string;
}

export async function runBench(name: string, options: BenchOptions): Promise<number> {
  const { root } = stackFolder();
  const file = path.join(root, 'tests', 'bench', `${name}.bench.ts`);
  if (!/^[a-z]+$/.test(name) || !existsSync(file)) {
    throw new AppError('VALIDATION_FAILED', `There is no benchmark "${name}".`, {
      remediation: 'Use: holdfast bench backup, restore, download or list',
    });
  }
  await ensurePrograms(say);
  const args = [
    ...(options.size === undefined ? [] : ['--size', options.size]),
    ...(options.rounds === undefined ? [] : ['--rounds', options.rounds]),
    ...(options.formats === undefined ? [] : ['--formats', options.formats]),
    ...(options.json === undefined ? [] : ['--json', path.resolve(options.json)]),
  ];
  return await run(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', file, ...args],
    root,
  );
}
