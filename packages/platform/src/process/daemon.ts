/** Processes that outlive us: started detached, found again by a pid file that a reused pid can't fool, stopped as a group. */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';

export interface DaemonOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly uid?: number;
  readonly gid?: number;
}

interface PidRecord {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process. */
  readonly startTime: string;
}

const pollMs = 25;

export async function startDaemon(options: DaemonOptions): Promise<number> {
  await mkdir(path.dirname(options.pidFile), { recursive: true });
  await mkdir(path.dirname(options.logFile), { recursive: true });
  const log = await open(options.logFile, 'a', 0o600);
  const { uid, gid } = options;
  try {
    const child = spawn(options.program, [...options.args], {
      env: options.env,
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(new AppError('INVALID_CONFIG', `${options.program} cannot be started.`, { cause: error })),
      );
    });
    const pid = child.pid as number;
    child.unref();
    const record: PidRecord = { pid, startTime: (await readStartTime(pid)) ?? 'gone' };
    await writeFile(options.pidFile, JSON.stringify(record), { mode: 0o600 });
    return pid;
  } finally {
    await log.close();
  }
}

/** The pid while that very process runs; null otherwise. */
export async function runningPid(pidFile: string): Promise<number | null> {
  const record = await readRecord(pidFile);
  if (record === null || (await readStartTime(record.pid)) !== record.startTime) {
    return null;
  }
  return record.pid;
}

export interface StopOptions {
  readonly signal?: NodeJS.Signals;
  readonly graceMs: number;
}

/** Signals the process, waits, then kills its group by force. False where it did not run. */
export async function stopDaemon(
  pidFile: string,
  { signal = 'SIGTERM', graceMs }: StopOptions,
): Promise<boolean> {
  const pid = await runningPid(pidFile);
  if (pid !== null) {
    process.kill(pid, signal);
    for (let waitedMs = 0; waitedMs < graceMs && (await runningPid(pidFile)) !== null; waitedMs += pollMs) {
      await delay(pollMs);
    }
    killGroup(pid);
    while ((await runningPid(pidFile)) !== null) {
      await delay(pollMs);
    }
  }
  await rm(pidFile, { force: true });
  return pid !== null;
}

/** What a process left behind in its group goes too; usually there is nothing. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}

async function readRecord(pidFile: string): Promise<PidRecord | null> {
  try {
    return JSON.parse(await readFile(pidFile, 'utf8')) as PidRecord;
  } catch {
    return null; // Missing, or cut short by a crash: nothing that could be trusted.
  }
}

/**
 * Null where the process does not exist or is a zombie, which nobody can stop any more. A zombie whose other threads still run
 * is alive: they hold its sockets, and who took it for gone found its port in use.
 */
async function readStartTime(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; what follows it may not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads, startTime] = [fields[0], Number(fields[17]), fields[19]];
    return state === 'Z' && threads <= 1 ? null : (startTime ?? null);
  } catch {
    return null;
  }
}
