/** Figures of processes from /proc, and the statistics that the tables show. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

const ticksPerSecond = 100;

/** CPU seconds of a process and of all its children that have ended. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0) / ticksPerSecond;
}

export async function resetPeakMemory(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** The most memory that the process held at once since the last reset, in bytes. */
export async function peakMemoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

export interface CommandFigures {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

/** Runs a shell pipeline; CPU seconds are of all its programs. */
export async function runPipeline(script: string, env: Record<string, string>): Promise<CommandFigures> {
  const startedMs = performance.now();
  const child = spawn('bash', ['-c', `set -o pipefail; TIMEFORMAT='%U %S'; time { ${script}; }`], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) {
    throw new Error(`${script} failed: ${said}`);
  }
  const [user = 0, system = 0] = (said.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  return { wallSeconds: (performance.now() - startedMs) / 1000, cpuSeconds: user + system };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}
