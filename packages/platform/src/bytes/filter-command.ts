/** Finds the programs that compress and encrypt. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import type { FilterCommand } from '../process/start-filters.ts';

const toolEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** @throws AppError INVALID_CONFIG that says what to install */
export async function filterCommand(name: string, args: readonly string[]): Promise<FilterCommand> {
  const program = await findProgram(name);
  if (program === null) {
    throw new AppError('INVALID_CONFIG', `The program "${name}" is not installed on this worker.`, {
      remediation: `Install the package ${name} on every worker.`,
    });
  }
  return { program, args, env: toolEnvironment };
}

export async function findProgram(name: string): Promise<string | null> {
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
