/** Reads the environment once, checks all of it and reports every fault at once. The only reader of process.env. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { ageRecipientPattern } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { Value } from '@sinclair/typebox/value';
import { Variables } from './variables.ts';

export interface Config
  extends Omit<
    Variables,
    'HOLDFAST_STORAGE' | 'HOLDFAST_SCRATCH_DIR' | 'HOLDFAST_PG_BIN_DIRS' | 'HOLDFAST_ENCRYPTION_RECIPIENTS'
  > {
  /** An absolute folder or a URL. */
  readonly storage: string;
  readonly scratchDir: string;
  readonly pgBinDirs: readonly string[];
  readonly encryptionRecipients: readonly string[];
}

type Environment = Record<string, string | undefined>;

/** The environment of this process over the `.env` file of the current folder. */
export function readEnvironment(): Environment {
  const file = path.resolve('.env');
  const written = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  for (const [name, value] of Object.entries(written)) {
    // The AWS SDK looks for its credentials in the process' own environment.
    if (name.startsWith('AWS_')) {
      process.env[name] ??= value;
    }
  }
  return { ...written, ...process.env };
}

/** @throws AppError INVALID_CONFIG with every fault, never with a value. */
export function loadConfig(environment: Environment = readEnvironment()): Config {
  const faults: string[] = [];
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(Variables.properties)) {
    const value = readVariable(name, environment, faults);
    if (value !== undefined && value !== '') {
      given[name] = value;
    }
  }
  const candidate = Value.Default(Variables, Value.Convert(Variables, given));
  for (const error of Value.Errors(Variables, candidate)) {
    const name = error.path.slice(1);
    faults.push(
      name in given ? `${name}: ${error.message}` : `${name} is missing: ${error.schema.description ?? ''}`,
    );
  }
  faults.push(...findWrongRecipients(given['HOLDFAST_ENCRYPTION_RECIPIENTS']));
  if (faults.length > 0) {
    throw new AppError(
      'INVALID_CONFIG',
      `The environment is not usable:\n  ${[...new Set(faults)].join('\n  ')}`,
    );
  }
  return complete(Value.Decode(Variables, candidate));
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter(Boolean);
}

function findWrongRecipients(text: unknown): string[] {
  return typeof text === 'string' &&
    listOf(text).some((recipient) => !new RegExp(ageRecipientPattern).test(recipient))
    ? ['HOLDFAST_ENCRYPTION_RECIPIENTS: holds something that is not an age recipient ("age1…")']
    : [];
}

function readVariable(name: string, environment: Environment, faults: string[]): string | undefined {
  const fileName = environment[`${name}_FILE`];
  if (fileName === undefined || fileName === '') {
    return environment[name];
  }
  if (environment[name]) {
    faults.push(`${name} and ${name}_FILE are both set; use one`);
  }
  try {
    return readFileSync(fileName, 'utf8').trim();
  } catch {
    faults.push(`${name}_FILE: the file cannot be read`);
    return undefined;
  }
}

function complete(variables: Variables): Config {
  const {
    HOLDFAST_STORAGE,
    HOLDFAST_SCRATCH_DIR,
    HOLDFAST_PG_BIN_DIRS,
    HOLDFAST_ENCRYPTION_RECIPIENTS,
    ...rest
  } = variables;
  return {
    ...rest,
    storage: /^\w+:\/\//.test(HOLDFAST_STORAGE ?? '')
      ? (HOLDFAST_STORAGE as string)
      : path.resolve(HOLDFAST_STORAGE ?? path.join(rest.HOLDFAST_DATA_DIR, 'backups')),
    scratchDir: path.resolve(HOLDFAST_SCRATCH_DIR ?? path.join(rest.HOLDFAST_DATA_DIR, 'scratch')),
    encryptionRecipients: listOf(HOLDFAST_ENCRYPTION_RECIPIENTS),
    pgBinDirs: (HOLDFAST_PG_BIN_DIRS ?? '').split(':').filter(Boolean),
  };
}
