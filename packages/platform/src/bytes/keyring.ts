/** The identities that a worker may open encrypted backups with, and whom they stand for. */
import { AppError } from '@holdfast/contracts/errors';
import { runTool } from '../process/run-tool.ts';
import type { Identities } from './encryptor.ts';
import { filterCommand } from './filter-command.ts';

export class Keyring {
  /** Null: this worker makes encrypted backups and opens none. */
  readonly identities: Identities | null;
  #recipients: Promise<readonly string[]> | null = null;

  constructor(identities: Identities | null) {
    this.identities = identities;
  }

  /** The public halves. @throws AppError INVALID_CONFIG where age does not take an identity */
  async recipients(): Promise<readonly string[]> {
    this.#recipients ??= this.identities === null ? Promise.resolve([]) : readRecipients(this.identities);
    return await this.#recipients;
  }

  /** True where what was encrypted for these recipients can be opened here. */
  async canOpen(recipients: readonly string[]): Promise<boolean> {
    const own = await this.recipients();
    return recipients.some((recipient) => own.includes(recipient));
  }
}

async function readRecipients(identities: Identities): Promise<string[]> {
  const command = await filterCommand('age-keygen', ['-y', '/dev/fd/3']);
  const tool = await runTool({
    ...command,
    secretFile: `${identities.trim()}\n`,
    stdin: 'ignore',
    stdout: 'pipe',
  });
  let printed = '';
  for await (const chunk of tool.stdout as AsyncIterable<Buffer>) {
    printed += chunk.toString();
  }
  const { exitCode, stderr } = await tool.exited;
  if (exitCode !== 0) {
    throw new AppError('INVALID_CONFIG', `HOLDFAST_ENCRYPTION_IDENTITY is not usable: ${stderr.trim()}`);
  }
  return printed.split(/\s+/).filter(Boolean);
}
