/** Encryption in the age format by the age program, so that a backup opens without Holdfast too. */
import { AppError } from '@holdfast/contracts/errors';
import type { FilterCommand } from '../process/start-filters.ts';
import { filterCommand } from './filter-command.ts';

/** One line each: `AGE-SECRET-KEY-1…`. Worth as much as everything that was encrypted for it. */
export type Identities = string;

/** Encrypts standard input for all of the recipients; null for none. */
export async function encryptorCommand(recipients: readonly string[]): Promise<FilterCommand | null> {
  return recipients.length === 0
    ? null
    : await filterCommand('age', [
        '--encrypt',
        ...recipients.flatMap((recipient) => ['--recipient', recipient]),
      ]);
}

/** @throws AppError INVALID_CONFIG where this worker has no identity for it */
export async function decryptorCommand(identities: Identities | null): Promise<FilterCommand> {
  if (identities === null) {
    throw new AppError(
      'INVALID_CONFIG',
      'The backup is encrypted for none of the identities of this worker.',
      {
        remediation:
          'Give the workers the identity of one of its recipients (HOLDFAST_ENCRYPTION_IDENTITY or HOLDFAST_ENCRYPTION_IDENTITY_FILE); where that is lost, make a new key and new backups now.',
      },
    );
  }
  const command = await filterCommand('age', ['--decrypt', '--identity', '/dev/fd/3']);
  return { ...command, secretFile: identities };
}
