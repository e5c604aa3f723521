import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runningPid, startDaemon, stopDaemon } from './daemon.ts';

/** Its main thread ends at once, which makes the process a zombie; another thread lives on. */
const leaderGone = 'threads->create(sub { sleep 600 }); $| = 1; syscall(60, 0)';

describe('a daemon', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'holdfast-daemon-'));
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  const start = async (program: string, args: string[]) => {
    const pidFile = path.join(folder, 'pid.json');
    const logFile = path.join(folder, 'log');
    const pid = await startDaemon({ program, args, env: {}, cwd: folder, pidFile, logFile });
    return { pid, pidFile };
  };

  it('runs until it is stopped, and stopping it twice is harmless', async () => {
    const { pid, pidFile } = await start('/bin/sleep', ['600']);
    expect(await runningPid(pidFile)).toBe(pid);
    expect(await stopDaemon(pidFile, { graceMs: 5_000 })).toBe(true);
    expect(await runningPid(pidFile)).toBeNull();
    expect(await stopDaemon(pidFile, { graceMs: 5_000 })).toBe(false);
  });

  it('whose main thread is gone still runs while another of its threads does', async () => {
    const { pid, pidFile } = await start('/usr/bin/perl', ['-Mthreads', '-e', leaderGone]);
    const isZombie = async () => / Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'));
    while (!(await isZombie())) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await runningPid(pidFile)).toBe(pid);
    await stopDaemon(pidFile, { signal: 'SIGKILL', graceMs: 5_000 });
    expect(await runningPid(pidFile)).toBeNull();
  });
});
