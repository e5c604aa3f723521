/**
 * A pipe of the kernel between two programs, or a program and a thread of ours. Node itself only makes socket pairs that its event
 * loop reads; a real pipe can be read and written by blocking calls into one fixed buffer, which costs a fraction of a stream.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from './run-command.ts';

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/** Both ends belong to the caller, who closes each once: the reader sees the end only when every write end is closed. */
export async function openPipe(): Promise<Pipe> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-pipe-'));
  try {
    const name = path.join(folder, 'pipe');
    await runCommand('mkfifo', ['--mode=600', name], { env: { PATH: '/usr/bin:/bin' } });
    // Opening one end of a FIFO waits for the other, unless somebody has both.
    const both = openSync(name, constants.O_RDWR);
    try {
      return { readFd: openSync(name, constants.O_RDONLY), writeFd: openSync(name, constants.O_WRONLY) };
    } finally {
      closeSync(both);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
