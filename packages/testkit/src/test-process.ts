/** A real process of ours under test: its log lines, its named steps, and signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { serviceFlags } from '@holdfast/platform/process/service-flags';

interface LogLine {
  readonly msg?: string;
  readonly reached?: string;
  readonly address?: string;
}

export class TestProcess {
  readonly lines: string[] = [];
  readonly exited: Promise<number | NodeJS.Signals | null>;
  readonly #child: ChildProcess;
  readonly #seen: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #hasExited = false;

  /** `isBuilt`: the main.js that a release runs, for figures of memory and time; else from source, with named steps. */
  constructor(script: 'api' | 'worker', env: Readonly<Record<string, string>>, isBuilt = false) {
    const built = `../../../services/${script}/dist/main.js`;
    const file = fileURLToPath(new URL(isBuilt ? built : `./processes/${script}.ts`, import.meta.url));
    // A test that fails before it stops its processes must neither hang jest nor leave them behind.
    this.#child = spawn(
      'setpriv',
      [
        '--pdeathsig=KILL',
        process.execPath,
        ...(isBuilt
          ? serviceFlags[script]
          : ['--conditions=source', '--disable-warning=ExperimentalWarning']),
        file,
      ],
      {
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#hasExited = true;
        this.#wake();
        resolve(code ?? signal);
      });
    });
    this.#child.unref();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      (stream as unknown as Socket).unref();
      createInterface({ input: stream as NonNullable<typeof stream> }).on('line', (line) => this.#take(line));
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Ends it in order. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    this.#child.kill('SIGTERM');
    return await this.exited;
  }

  /** Resolves as soon as the process has come to the named step. */
  async reached(step: string): Promise<void> {
    await this.find((line) => line.reached === step);
  }

  /** The first log line, past or coming, that fits. @throws Error with the log when the process ends first */
  async find(fits: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.#seen.find(fits);
      if (found !== undefined) {
        return found;
      }
      if (this.#hasExited) {
        throw new Error(`the process ended first; its log:\n${this.lines.join('\n')}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #take(line: string): void {
    this.lines.push(line);
    if (line.startsWith('{')) {
      this.#seen.push(JSON.parse(line) as LogLine);
      this.#wake();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) {
      resolve();
    }
    this.#waiting.clear();
  }
}
