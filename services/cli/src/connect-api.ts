/** Signs in to the API that commands talk to: HOLDFAST_URL with HOLDFAST_TOKEN, else the installation of this clone. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { readEnvironment } from '@holdfast/platform/config/load-config';
import { ApiClient } from './api-client.ts';
import { stackFolder } from './stack/stack-folder.ts';

/** @throws AppError UNAUTHENTICATED where there is nothing to sign in with, SERVICE_UNAVAILABLE where nobody listens */
export async function connectApi(): Promise<ApiClient> {
  const environment = readEnvironment();
  const given = environment['HOLDFAST_URL'] || null;
  const token = environment['HOLDFAST_TOKEN'] || null;
  const url = (
    given ?? `http://${environment['HOLDFAST_HOST'] || '127.0.0.1'}:${environment['HOLDFAST_PORT'] || '4600'}`
  ).replace(/\/+$/, '');
  if (token !== null) {
    return ApiClient.withToken(url, token);
  }
  if (given !== null) {
    // The password of this installation is not for somebody else's server.
    throw new AppError('UNAUTHENTICATED', `There is no token for ${url}.`, {
      remediation: 'Set HOLDFAST_TOKEN to the token of a sign-in there.',
    });
  }
  return await ApiClient.signIn(url, {
    email: environment['HOLDFAST_ADMIN_EMAIL'] || 'admin@localhost',
    password: environment['HOLDFAST_ADMIN_PASSWORD'] || (await readPassword()),
  });
}

async function readPassword(): Promise<string> {
  const file =
    readEnvironment()['HOLDFAST_ADMIN_PASSWORD_FILE'] || path.join(stackFolder().data, 'admin-password');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new AppError('UNAUTHENTICATED', `The password of this installation could not be read: ${file}`, {
      cause: error,
      remediation: 'Run "holdfast up" first, or set HOLDFAST_URL and HOLDFAST_TOKEN.',
    });
  }
}
