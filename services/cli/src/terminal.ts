/** What the command line prints: calm step lines, and a progress bar where a person watches. */
import { styleText } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';

const isTerminal = process.stdout.isTTY === true;

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a step and prints one line with its duration when it has succeeded. */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await work();
  say(`${styleText('green', '✓')} ${label.padEnd(46)} ${formatDuration(performance.now() - startedMs)}`);
  return result;
}

export interface ProgressLine {
  update(percent: number, detail: string): void;
  /** Leaves the bar as it is and ends its line. */
  stop(): void;
}

/** A bar on a terminal; elsewhere a line every tenth of the way, so that logs stay short. */
export function progressLine(label: string): ProgressLine {
  if (!isTerminal) {
    let shown = -10;
    return {
      update: (percent, detail) => {
        if (percent >= shown + 10 || (percent === 100 && shown < 100)) {
          shown = percent;
          say(`  ${label} ${String(percent).padStart(3)} %  ${detail}`);
        }
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar(
    {
      format: `  ${label} [{bar}] {percentage} %  {detail}`,
      barsize: 24,
      hideCursor: true,
      linewrap: false,
      clearOnComplete: false,
    },
    Presets.rect,
  );
  bar.start(100, 0, { detail: '' });
  return {
    update: (percent, detail) => bar.update(percent, { detail }),
    stop: () => bar.stop(),
  };
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units: 1 MB is 1,000,000 bytes. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export function formatDuration(ms: number): string {
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
