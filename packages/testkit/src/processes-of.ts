/** Looks at the process table: what a worker's operations have left running. */
import { readdir, readFile } from 'node:fs/promises';

/** Command lines, apart from zombies, in which `text` stands. */
export async function commandLinesWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(text));
}
