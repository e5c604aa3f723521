/** pg_dumpall for what belongs to a server rather than to a database: roles, memberships, settings of roles, tablespaces. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { runTool, type ToolExit } from '../process/run-tool.ts';
import { classifyToolFailure } from './classify-error.ts';
import type { ClientPrograms } from './client-programs.ts';
import { type ConnectOptions, type DatabaseAddress, libpqEnvironment } from './database-address.ts';

export interface DumpGlobalsOptions {
  readonly client: ClientPrograms;
  /** The database that the session is opened in; its own content is not dumped. */
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
  /** Hashes of the roles' passwords, which only a superuser can read. */
  readonly withRolePasswords: boolean;
  readonly lockWaitTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A hundred thousand roles are some 20 MB. */
const mostBytes = 64 * 1024 * 1024;
const trailer = '-- PostgreSQL database cluster dump complete';

/**
 * @returns the script, whole
 * @throws AppError PERMISSION_DENIED, INVALID_CONFIG where there is no pg_dumpall, FILE_CORRUPTION where it is cut short
 */
export async function dumpGlobals(options: DumpGlobalsOptions): Promise<Buffer> {
  const program = await findPgDumpall(options.client);
  const tool = await runTool({
    program,
    args: [
      '--globals-only',
      '--no-password',
      `--lock-wait-timeout=${options.lockWaitTimeoutMs}`,
      // This option is read as a connection string where it looks like one: so it is one, with the name as a value in it.
      `--database=dbname=${quoteValue(options.address.database)}`,
      ...(options.withRolePasswords ? [] : ['--no-role-passwords']),
    ],
    env: libpqEnvironment(options.address, options.connect),
    stdin: 'ignore',
    stdout: 'pipe',
  });
  const endTool = (): void => void tool.end();
  options.signal.addEventListener('abort', endTool, { once: true });
  try {
    options.signal.throwIfAborted();
    const script = await collect(tool.stdout as AsyncIterable<Buffer>);
    const exit = await tool.exited;
    options.signal.throwIfAborted();
    failOnExit(exit, options.withRolePasswords);
    if (!script.includes(trailer)) {
      throw new AppError('FILE_CORRUPTION', 'pg_dumpall succeeded, but what it printed is cut short.');
    }
    return script;
  } finally {
    options.signal.removeEventListener('abort', endTool);
    await tool.end();
  }
}

async function findPgDumpall({ pgDump, majorVersion }: ClientPrograms): Promise<string> {
  const program = path.join(path.dirname(pgDump), 'pg_dumpall');
  try {
    await access(program, constants.X_OK);
    return program;
  } catch (error) {
    throw new AppError('INVALID_CONFIG', `There is no pg_dumpall beside ${pgDump}.`, {
      remediation: `Install all of postgresql-client-${majorVersion} on the workers, or back up without includeGlobals.`,
      cause: error,
    });
  }
}

async function collect(stdout: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stdout) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBytes) {
      throw new AppError('TOOL_FAILED', `pg_dumpall printed more than ${mostBytes} bytes of globals.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function failOnExit({ exitCode, signal, stderr }: ToolExit, withRolePasswords: boolean): void {
  if (exitCode === 0) {
    return;
  }
  const outcome = exitCode === null ? `was ended by ${signal}` : `exited with status ${exitCode}`;
  const failure = classifyToolFailure('pg_dumpall', outcome, stderr);
  throw failure.code === 'PERMISSION_DENIED' && withRolePasswords
    ? new AppError('PERMISSION_DENIED', failure.message, {
        remediation:
          'Only a superuser can read password hashes: register the database with one, or leave out includeRolePasswords.',
      })
    : failure;
}

function quoteValue(value: string): string {
  return `'${value.replaceAll(/['\\]/g, '\\$&')}'`;
}
