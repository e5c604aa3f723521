/** Ordered shutdown: what was opened last closes first; a second signal or a deadline ends the process by force. */
import type { Logger } from './logger.ts';

interface ClosingStep {
  readonly name: string;
  readonly close: () => unknown;
}

export class Shutdown {
  readonly #steps: ClosingStep[] = [];
  #closing: Promise<void> | null = null;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Registers what must be closed; the newest closes first. */
  add(name: string, close: () => unknown): void {
    this.#steps.push({ name, close });
  }

  /** Closes everything once; a step that fails is logged and does not keep the others open. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  /** Ends the process on SIGTERM or SIGINT, at the latest after `deadlineMs`. */
  listen(deadlineMs: number): void {
    let isEnding = false;
    const end = (signal: NodeJS.Signals): void => {
      if (isEnding) {
        process.exit(1);
      }
      isEnding = true;
      this.#logger.info({ signal }, 'shutting down');
      setTimeout(() => {
        this.#logger.error({ deadlineMs }, 'shutdown took too long, ending by force');
        process.exit(1);
      }, deadlineMs).unref();
      this.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
  }

  async #closeAll(): Promise<void> {
    for (const step of this.#steps.reverse()) {
      try {
        await step.close();
      } catch (error) {
        this.#logger.error({ error, step: step.name }, 'could not close cleanly');
      }
    }
  }
}
