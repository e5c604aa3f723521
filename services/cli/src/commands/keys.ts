/** `holdfast keys check`: whether a worker still opens the newest encrypted backups. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { KeyCheck, KeyCheckRequest } from '@holdfast/contracts/keys';
import { type ApiClient, apiBase } from '../api-client.ts';
import { signIn } from '../sign-in.ts';
import { say } from '../terminal.ts';

export interface KeysOptions {
  readonly json?: boolean;
}

const lookEveryMs = 1_000;
const shownOfRecipient = 12;

/** @returns the exit status: 0 where every key opened its newest backup */
export async function runKeysCheck({ json }: KeysOptions): Promise<number> {
  const api = await signIn();
  const { requestId } = await api.post<{ requestId: string }>(`${apiBase}/keys/check`);
  const request = await untilEnded(api, requestId);
  if (json) {
    say(JSON.stringify(request, null, 2));
  } else if (request.status === 'failed') {
    throw failureOf(request);
  } else {
    print(request);
  }
  return request.status === 'completed' && request.checks.every(({ isOpened }) => isOpened) ? 0 : 1;
}

/** The API ends a check that nobody takes, so this ends, too. */
async function untilEnded(api: ApiClient, requestId: string): Promise<KeyCheckRequest> {
  for (;;) {
    const request = await api.get<KeyCheckRequest>(`${apiBase}/keys/checks/${requestId}`);
    if (request.status !== 'pending') {
      return request;
    }
    await delay(lookEveryMs);
  }
}

function failureOf({ errorCode, errorMessage, errorRemediation }: KeyCheckRequest): AppError {
  return new AppError(
    (errorCode ?? 'INTERNAL') as ErrorCode,
    errorMessage ?? 'The check failed.',
    errorRemediation === null ? {} : { remediation: errorRemediation },
  );
}

function print({ checks, workerId }: KeyCheckRequest): void {
  if (checks.length === 0) {
    say('No stored backup is encrypted.');
    return;
  }
  say(`Checked by worker ${workerId}`);
  say();
  say(`${'OPENED'.padEnd(8)}${'BACKUP'.padEnd(10)}RECIPIENTS`);
  for (const check of checks) {
    say(
      `${(check.isOpened ? 'yes' : 'NO').padEnd(8)}${String(check.backupId).padEnd(10)}${shorten(check.recipients)}`,
    );
    if (!check.isOpened) {
      say(`  ${check.errorCode}: ${check.errorMessage}`);
      say(`  ${check.errorRemediation}`);
    }
  }
}

function shorten(recipients: KeyCheck['recipients']): string {
  return recipients.map((recipient) => `${recipient.slice(0, shownOfRecipient)}…`).join(' ');
}
