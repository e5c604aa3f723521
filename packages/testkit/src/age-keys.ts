/** Key pairs of the age format, made by age-keygen. */
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '@holdfast/platform/process/run-command';

export interface AgeKey {
  readonly recipient: string;
  readonly identity: string;
  /** Holds the identity. */
  readonly file: string;
}

export async function createAgeKey(): Promise<AgeKey> {
  const folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'age-'));
  const file = path.join(folder, 'identity');
  await runCommand('age-keygen', ['-o', file]);
  return {
    file,
    identity: await runCommand('grep', ['AGE-SECRET-KEY', file]),
    recipient: (await runCommand('age-keygen', ['-y', file])).trim(),
  };
}
