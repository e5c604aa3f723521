/** `holdfast up`: from nothing to a running, proven installation; again it only starts what does not run. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { isDemoForum, loadDemoForum, parseDemoSize } from '@holdfast/demo';
import { isPortFree } from '@holdfast/platform/instances/free-port';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { ensurePrograms } from '@holdfast/platform/instances/programs';
import { runningPid, startDaemon } from '@holdfast/platform/process/daemon';
import { serviceFlags } from '@holdfast/platform/process/service-flags';
import { proveFirstBackup } from '../first-proof.ts';
import { privateServers } from '../stack/private-servers.ts';
import {
  stackEnvironment,
  type StackEnvironment,
  type Urls,
  userVariables,
} from '../stack/stack-environment.ts';
import { pidFile, type StackFolder, stackFolder } from '../stack/stack-folder.ts';
import { formatBytes, progressLine, say, step } from '../terminal.ts';
import { runDown } from './down.ts';

export interface UpOptions {
  readonly detach?: boolean;
  readonly demo: boolean;
  readonly demoSize: string;
}

const readyWithinMs = 60_000;
const demoDatabase = 'forum';

export async function runUp(options: UpOptions): Promise<void> {
  const folder = stackFolder();
  const interrupted = options.detach ? null : untilInterrupted();
  const work = bringUp(folder, options);
  if (interrupted === null) {
    await work;
    return;
  }
  const outcome = await Promise.race([
    work.then(
      () => 'up' as const,
      (error: unknown) => ({ error }),
    ),
    interrupted.then(() => 'interrupted' as const),
  ]);
  if (outcome === 'up') {
    say('Running. Press Ctrl-C to stop.');
    const isWatching = { current: true };
    await Promise.race([interrupted, reportDeaths(folder, isWatching)]);
    isWatching.current = false;
  }
  say();
  await runDown();
  if (typeof outcome === 'object') {
    throw outcome.error;
  }
  // What an interrupted start still waits for (a load, a poll) is of no use any more.
  process.exit(outcome === 'interrupted' ? 130 : 0);
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve());
    }
  });
}

async function bringUp(folder: StackFolder, options: UpOptions): Promise<void> {
  const demoBytes = parseDemoSize(options.demoSize);
  const programs = await ensurePrograms(say);
  const given = userVariables();
  const urls: Urls = {};
  const { postgres, redis } = await privateServers(folder, programs);
  const wantsDemo = options.demo && given['TARGET_DATABASE_URL'] === undefined;
  if (given['METADATA_DATABASE_URL'] === undefined || wantsDemo) {
    await step('Private PostgreSQL', () => postgres.start());
    await postgres.createDatabase('holdfast');
    urls.METADATA_DATABASE_URL = postgres.url('holdfast');
  }
  if (given['REDIS_URL'] === undefined) {
    await step('Private Redis', () => redis.start());
    urls.REDIS_URL = redis.url;
  }
  if (wantsDemo) {
    urls.TARGET_DATABASE_URL = postgres.url(demoDatabase);
    await ensureDemo(postgres, demoBytes);
  }
  const environment = await stackEnvironment(folder, urls);
  const apiUrl = await startServices(folder, environment.variables);
  await proveIfTarget(environment, apiUrl);
  printAddresses(folder, environment, apiUrl);
}

async function ensureDemo(postgres: PrivatePostgres, targetBytes: number): Promise<void> {
  const connectionString = postgres.url(demoDatabase);
  await postgres.createDatabase(demoDatabase);
  if (await isDemoForum(connectionString)) {
    return;
  }
  // A load that was interrupted is begun again.
  await postgres.dropDatabase(demoDatabase);
  await postgres.createDatabase(demoDatabase);
  await step(`Demo forum database, about ${formatBytes(targetBytes)}`, async () => {
    const line = progressLine('Demo   ');
    try {
      await loadDemoForum({
        connectionString,
        targetBytes,
        onProgress: ({ percent, step: name }) => line.update(Math.floor(percent), name),
      });
    } finally {
      line.stop();
    }
  });
}

async function startServices(folder: StackFolder, variables: Record<string, string>): Promise<string> {
  const host = variables['HOLDFAST_HOST'] as string;
  const port = Number(variables['HOLDFAST_PORT']);
  const apiUrl = `http://${host}:${port}`;
  if ((await runningPid(pidFile(folder, 'api'))) === null && !(await isPortFree(port))) {
    throw new AppError('INVALID_CONFIG', `Port ${port} is taken by another program.`, {
      remediation: 'Stop it, or set HOLDFAST_PORT to a free port.',
    });
  }
  await step('API', async () => {
    await startService(folder, 'api', variables);
    await untilReady(folder, apiUrl);
  });
  await step('Worker', () => startService(folder, 'worker', variables));
  return apiUrl;
}

async function startService(
  folder: StackFolder,
  service: 'api' | 'worker',
  variables: Record<string, string>,
): Promise<void> {
  if ((await runningPid(pidFile(folder, service))) === null) {
    const main = path.join(folder.root, 'services', service, 'dist', 'main.js');
    await startDaemon({
      program: process.execPath,
      args: [...serviceFlags[service], main],
      env: variables,
      cwd: folder.root,
      pidFile: pidFile(folder, service),
      logFile: path.join(folder.logs, `${service}.log`),
    });
  }
}

async function untilReady(folder: StackFolder, apiUrl: string): Promise<void> {
  const pollMs = 100;
  for (let waitedMs = 0; waitedMs < readyWithinMs; waitedMs += pollMs) {
    const response = await fetch(`${apiUrl}/health/ready`).catch(() => null);
    if (response?.ok) {
      return;
    }
    if ((await runningPid(pidFile(folder, 'api'))) === null) {
      break;
    }
    await delay(pollMs);
  }
  throw new AppError('SERVICE_UNAVAILABLE', 'The API did not become ready.', {
    remediation: `Its log says why: ${path.join(folder.logs, 'api.log')}`,
  });
}

async function proveIfTarget({ variables }: StackEnvironment, apiUrl: string): Promise<void> {
  const password = variables['HOLDFAST_ADMIN_PASSWORD'];
  if (variables['TARGET_DATABASE_URL'] === undefined && variables['TARGET_DATABASE_URL_FILE'] === undefined) {
    say('No database is registered; set TARGET_DATABASE_URL to back one up.');
  } else if (password === undefined) {
    say('HOLDFAST_ADMIN_PASSWORD_FILE is set: sign in and take the first backup by the API.');
  } else {
    await proveFirstBackup({ apiUrl, email: variables['HOLDFAST_ADMIN_EMAIL'] as string, password });
  }
}

function printAddresses(
  folder: StackFolder,
  { variables, isPasswordNew }: StackEnvironment,
  apiUrl: string,
): void {
  const password = isPasswordNew
    ? variables['HOLDFAST_ADMIN_PASSWORD']
    : `in ${path.join(folder.data, 'admin-password')}, unless you set your own`;
  say(`API       ${apiUrl}/api/docs`);
  say(`Sign in   ${variables['HOLDFAST_ADMIN_EMAIL']}, password ${password}`);
  say(`Logs      ${folder.logs}`);
}

/** Resolves when a service died, after saying so: an installation that half runs helps nobody. */
async function reportDeaths(folder: StackFolder, isWatching: { current: boolean }): Promise<void> {
  const pollMs = 1_000;
  while (isWatching.current) {
    for (const service of ['api', 'worker'] as const) {
      if ((await runningPid(pidFile(folder, service))) === null && isWatching.current) {
        say(`The ${service} has ended; its log says why: ${path.join(folder.logs, `${service}.log`)}`);
        return;
      }
    }
    await delay(pollMs);
  }
}
