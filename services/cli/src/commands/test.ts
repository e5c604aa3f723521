/** `holdfast test`: everything the tests need, the static checks, then jest; the last line counts. */
import { spawn } from 'node:child_process';
import { AppError } from '@holdfast/contracts/errors';
import { ensurePrograms } from '@holdfast/platform/instances/programs';
import { stackFolder } from '../stack/stack-folder.ts';
import { say } from '../terminal.ts';

const parts = ['unit', 'integration', 'fault'];

export async function runTests(part: string | undefined, pattern: string | undefined): Promise<number> {
  if (part !== undefined && !parts.includes(part)) {
    throw new AppError('VALIDATION_FAILED', `There is no part "${part}".`, {
      remediation: `Use one of ${parts.join(', ')}, or none for all.`,
    });
  }
  await ensurePrograms(say);
  const { root } = stackFolder();
  if (part === undefined) {
    const checked = await run('npm', ['run', '--silent', 'check'], root);
    if (checked !== 0) {
      say('0 passed, 1 failed, 0 skipped');
      return checked;
    }
  }
  const args = [
    'run',
    '--silent',
    'test',
    '--',
    ...(part === undefined ? [] : ['--selectProjects', part]),
    ...(pattern === undefined ? [] : ['--testPathPatterns', pattern]),
  ];
  return await run('npm', args, root);
}

export function run(program: string, args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { cwd, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
