/** Signs the command line in: with HOLDFAST_TOKEN, else as the first admin of the installation in this clone. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { readEnvironment } from '@holdfast/platform/config/load-config';
import { ApiClient } from './api-client.ts';
import { stackFolder } from './stack/stack-folder.ts';

/** @throws AppError UNAUTHENTICATED that says what to set */
export async function signIn(): Promise<ApiClient> {
  const environment = readEnvironment();
  const url = (
    environment['HOLDFAST_URL'] || `http://127.0.0.1:${environment['HOLDFAST_PORT'] || '4600'}`
  ).replace(/\/+$/, '');
  const token = environment['HOLDFAST_TOKEN'] || null;
  if (token !== null) {
    return ApiClient.withToken(url, token);
  }
  if (environment['HOLDFAST_URL']) {
    // The password of this installation is not for somebody else's server.
    throw new AppError('UNAUTHENTICATED', `There is no token for ${url}.`, {
      remediation: 'Set HOLDFAST_TOKEN to the token of a sign-in there.',
    });
  }
  const password = environment['HOLDFAST_ADMIN_PASSWORD'] || (await storedPassword());
  if (password === null) {
    throw new AppError('UNAUTHENTICATED', 'There is neither a token nor an installation in this folder.', {
      remediation: 'Set HOLDFAST_URL and HOLDFAST_TOKEN, or run ./holdfast up first.',
    });
  }
  return await ApiClient.signIn(url, {
    email: environment['HOLDFAST_ADMIN_EMAIL'] || 'admin@localhost',
    password,
  });
}

/** As `up` made it; null where it never did. */
async function storedPassword(): Promise<string | null> {
  try {
    return (await readFile(path.join(stackFolder().data, 'admin-password'), 'utf8')).trim();
  } catch {
    return null;
  }
}
