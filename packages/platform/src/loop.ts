/** A loop that runs a task again and again: it can be started, woken, awaited and stopped twice. */
import type { Logger } from './logger.ts';

export interface LoopOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly task: (signal: AbortSignal) => Promise<void>;
}

export class Loop {
  readonly #options: LoopOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  #wake: () => void = () => undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Runs the task now instead of at the end of the interval. */
  wake(): void {
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { name, intervalMs, logger, task } = this.#options;
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      try {
        await task(signal);
      } catch (error) {
        logger.warn({ error, loop: name }, 'a pass failed; it is tried again');
      }
      if (!signal.aborted) {
        await this.#pause(intervalMs);
      }
    }
  }

  #pause(intervalMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, intervalMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
