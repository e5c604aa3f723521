/** One of the further destinations of a stream: takes chunks into a bounded queue and writes them at its own pace. */
import { EventEmitter } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { SharedBuffer } from './shared-buffers.ts';

/** How many chunks a copy may be behind. All copies share what they wait for, so this bounds the memory whatever their number. */
export const queueChunks = 32;

export class CopyLeg {
  readonly #destination: Writable | null;
  readonly #queue: SharedBuffer[] = [];
  /** Emits `change` whenever room, end or failure may be another than before. */
  readonly #events = new EventEmitter();
  #isEnding = false;
  #isDone = false;
  #failure: AppError | null = null;
  /** How long the others have waited for this one. */
  heldUpMs = 0;

  /** Where it goes, for whoever reads its failure. */
  readonly target: string;

  /** An error instead of a destination: it could not even be opened. */
  constructor(target: string, destination: Writable | AppError) {
    this.target = target;
    this.#events.setMaxListeners(0);
    if (destination instanceof AppError) {
      this.#destination = null;
      this.#failure = destination;
      return;
    }
    this.#destination = destination;
    // The failed write itself tells; an event that nobody hears would end the thread.
    destination.on('error', () => undefined);
    this.#pump(destination).then(
      () => {
        this.#isDone = this.#failure === null;
        this.#events.emit('change');
      },
      (error: unknown) => this.drop(asAppError(error)),
    );
  }

  get failure(): AppError | null {
    return this.#failure;
  }

  /** Whether the next chunk has to wait for it. */
  get isFull(): boolean {
    return this.#failure === null && this.#queue.length >= queueChunks;
  }

  /** Every byte is safe, or it is out. */
  get isSettled(): boolean {
    return this.#isDone || this.#failure !== null;
  }

  push(chunk: SharedBuffer): void {
    if (this.#failure === null) {
      chunk.hold();
      this.#queue.push(chunk);
      this.#events.emit('change');
    }
  }

  end(): void {
    this.#isEnding = true;
    this.#events.emit('change');
  }

  /** Out, for good: what it has written is for the owner of the partial file to remove. Harmless twice. */
  drop(reason: AppError): void {
    if (this.isSettled) {
      return;
    }
    this.#failure = reason;
    for (const chunk of this.#queue.splice(0)) {
      chunk.release();
    }
    this.#destination?.destroy();
    this.#events.emit('change');
  }

  /** Until something about it has changed, or the time is up. @throws the signal's reason */
  async nextChange(withinMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(withinMs) ? setTimeout(() => done(), Math.max(1, withinMs)) : undefined;
      const done = (): void => {
        clearTimeout(timer);
        this.#events.off('change', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#events.once('change', done);
      signal.addEventListener('abort', done, { once: true });
    });
    signal.throwIfAborted();
  }

  /** Stops wherever it is; after success nothing is left to stop. */
  close(): void {
    this.#destination?.destroy();
    this.#events.emit('change');
  }

  async #pump(destination: Writable): Promise<void> {
    for (;;) {
      const chunk = this.#queue[0];
      if (chunk !== undefined) {
        await writeChunk(destination, chunk.bytes);
        // Dropped meanwhile: then the queue is empty, and the chunk released.
        if (this.#failure === null) {
          this.#queue.shift();
          chunk.release();
          this.#events.emit('change');
        }
      } else if (this.#isEnding) {
        destination.end();
        await finished(destination);
        return;
      } else if (this.#failure !== null || destination.destroyed) {
        return;
      } else {
        await new Promise((resolve) => this.#events.once('change', resolve));
      }
    }
  }
}

export function writeChunk(destination: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    destination.write(chunk, (error) => (error == null ? resolve() : reject(error)));
  });
}

/** The same failure, saying which of several targets it is of. */
export function failureOfCopy(target: string, error: AppError): AppError {
  const { code, message, transient, remediation } = error;
  return new AppError(code, `The copy on ${target} failed: ${message}`, {
    cause: error,
    transient,
    remediation,
  });
}

function asAppError(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError('STORAGE_UNAVAILABLE', `Writing to the storage failed: ${(error as Error).message}`, {
        cause: error,
      });
}
