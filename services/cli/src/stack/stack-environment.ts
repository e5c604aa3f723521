/** The environment that the API and the worker are started with: what the user set, completed by what is generated once. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readEnvironment } from '@holdfast/platform/config/load-config';
import { Variables } from '@holdfast/platform/config/variables';
import type { StackFolder } from './stack-folder.ts';

export interface StackEnvironment {
  readonly variables: Record<string, string>;
  /** True where the password was made up now and has to be shown, this once. */
  readonly isPasswordNew: boolean;
}

export type Urls = Partial<Record<'METADATA_DATABASE_URL' | 'REDIS_URL' | 'TARGET_DATABASE_URL', string>>;

/** The variables a user may set, and what a process needs to run at all; nothing else of our environment is passed on. */
const passedOn = ['PATH', 'HOME', 'LANG', 'TZ'];

export function userVariables(): Record<string, string> {
  const environment = readEnvironment();
  const ours = Object.keys(Variables.properties).flatMap((name) => [name, `${name}_FILE`]);
  // Storage credentials come in many forms; the AWS SDK knows them all by this prefix.
  const storage = Object.keys(environment).filter((name) => name.startsWith('AWS_'));
  const names = new Set([...passedOn, ...ours, ...storage]);
  return Object.fromEntries(
    [...names].flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
}

export async function stackEnvironment(folder: StackFolder, urls: Urls): Promise<StackEnvironment> {
  const given = userVariables();
  await mkdir(folder.run, { recursive: true, mode: 0o700 });
  const secretKey = await generatedSecret(path.join(folder.data, 'secret-key'), 48);
  const password = await generatedSecret(path.join(folder.data, 'admin-password'), 18);
  const isGiven = (name: string): boolean => given[name] !== undefined || given[`${name}_FILE`] !== undefined;
  return {
    isPasswordNew: password.isNew && !isGiven('HOLDFAST_ADMIN_PASSWORD'),
    variables: {
      HOLDFAST_DATA_DIR: folder.data,
      HOLDFAST_HOST: '127.0.0.1',
      HOLDFAST_PORT: '4600',
      HOLDFAST_ADMIN_EMAIL: 'admin@localhost',
      ...(isGiven('HOLDFAST_SECRET_KEY') ? {} : { HOLDFAST_SECRET_KEY: secretKey.value }),
      ...(isGiven('HOLDFAST_ADMIN_PASSWORD') ? {} : { HOLDFAST_ADMIN_PASSWORD: password.value }),
      ...urls,
      ...given,
    },
  };
}

/** Readable by its owner alone; made once. */
async function generatedSecret(file: string, bytes: number): Promise<{ value: string; isNew: boolean }> {
  try {
    return { value: (await readFile(file, 'utf8')).trim(), isNew: false };
  } catch {
    const value = randomBytes(bytes).toString('base64url');
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, `${value}\n`, { mode: 0o600, flag: 'wx' });
    return { value, isNew: true };
  }
}
