/** Starts a program in a process group of its own and ends all of it; the only spawn of short-lived tools. */
import { type ChildProcess, type IOType, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { AppError } from '@holdfast/contracts/errors';
import { openSecretFile } from './secret-file.ts';

export interface ToolCommand {
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment of the program; secrets belong here, never in `args`. */
  readonly env: Readonly<Record<string, string>>;
  /** A number: this end of a pipe, which the caller closes once the program has started. */
  readonly stdin: 'pipe' | 'ignore' | number;
  readonly stdout: 'pipe' | 'ignore' | number;
  /** What the program finds at `/dev/fd/3`, and nobody else anywhere. */
  readonly secretFile?: string;
  /** For a program that writes much in small pieces (pg_dump: 4 kB): it gets an output buffer of this size. */
  readonly outputBufferBytes?: number;
}

export interface ToolExit {
  /** The program's name, without its folder. */
  readonly program: string;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last bytes of standard error, at most `stderrTailBytes`. */
  readonly stderr: string;
}

export interface RunningTool {
  readonly pid: number;
  /** There where the command said 'pipe', as is `stdout`. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Settles when the program has ended and its output is drained; never rejects. */
  readonly exited: Promise<ToolExit>;
  /** SIGINT to the whole group, SIGKILL after the grace period; resolves when it has ended. */
  end(): Promise<ToolExit>;
}

const stderrTailBytes = 64 * 1024;
const endGraceMs = 3_000;

/** The child is killed by the kernel when this process dies, where util-linux' setpriv is there to ask for it. */
const deathSignal = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] as const;
const outputBuffer = '/usr/bin/stdbuf';

const usablePrefixes = new Map<string, Promise<boolean>>();

/** @throws AppError INVALID_CONFIG when the program can't be started. */
export async function runTool(command: ToolCommand): Promise<RunningTool> {
  const buffered =
    command.outputBufferBytes === undefined ? [] : [outputBuffer, `--output=${command.outputBufferBytes}`];
  const [program, ...args] = [
    ...(await ifUsable(deathSignal)),
    ...(await ifUsable(buffered)),
    command.program,
    ...command.args,
  ];
  const secretFd = command.secretFile === undefined ? null : await openSecretFile(command.secretFile);
  const stdio: (IOType | number)[] = [
    command.stdin,
    command.stdout,
    'pipe',
    ...(secretFd === null ? [] : [secretFd]),
  ];
  try {
    const child = spawn(program as string, args, { env: command.env, stdio, detached: true });
    await started(child, command.program);
    return watch(child, path.basename(command.program));
  } finally {
    if (secretFd !== null) {
      closeSync(secretFd);
    }
  }
}

/** A program to start others by, where this machine has it; nothing otherwise. */
async function ifUsable(prefix: readonly string[]): Promise<readonly string[]> {
  const [program, ...args] = prefix;
  if (program === undefined) {
    return [];
  }
  const probed = usablePrefixes.get(program) ?? probe(program, args);
  usablePrefixes.set(program, probed);
  return (await probed) ? prefix : [];
}

function probe(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, '/bin/true'], { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(new AppError('INVALID_CONFIG', `${program} cannot be started.`, { cause: error }));
    });
  });
}

function watch(child: ChildProcess, program: string): RunningTool {
  const tail = new StderrTail();
  child.stderr?.on('data', (chunk: Buffer) => tail.add(chunk));
  child.stdin?.on('error', () => undefined); // EPIPE: the exit status tells why.
  const exited = new Promise<ToolExit>((resolve) => {
    child.once('close', (exitCode, signal) => resolve({ program, exitCode, signal, stderr: tail.text() }));
  });
  let ending: Promise<ToolExit> | null = null;
  return {
    pid: child.pid as number,
    stdin: child.stdin as Writable,
    stdout: child.stdout as Readable,
    exited,
    end: () => {
      ending ??= endGroup(child, exited);
      return ending;
    },
  };
}

async function endGroup(child: ChildProcess, exited: Promise<ToolExit>): Promise<ToolExit> {
  if (child.exitCode === null && child.signalCode === null) {
    signalGroup(child, 'SIGINT');
  }
  const force = setTimeout(() => signalGroup(child, 'SIGKILL'), endGraceMs);
  // 'close' waits for the pipes: nobody may be reading them any more.
  child.stdout?.destroy();
  try {
    return await exited;
  } finally {
    clearTimeout(force);
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}

/** Keeps the end of standard error in bounded memory: a tool may print gigabytes of it. */
class StderrTail {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > 2 * stderrTailBytes) {
      const kept = Buffer.concat(this.#chunks).subarray(-stderrTailBytes);
      this.#chunks = [Buffer.from(kept)];
      this.#sizeBytes = kept.length;
    }
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(-stderrTailBytes).toString('utf8');
  }
}
