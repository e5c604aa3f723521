/**
 * Writes one stream to its own destination and to copies of it. A copy that breaks is out at once; one that holds up the others longer
 * than it may is out too, as long as enough remain. Who is out gets no further byte: it is for the caller to make up for it later.
 */
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import { type CopyLeg, failureOfCopy, writeChunk } from './copy-leg.ts';
import type { SharedBuffer } from './shared-buffers.ts';

export interface TeeOptions {
  readonly primary: Writable;
  readonly copies: readonly CopyLeg[];
  /** Copies without which the whole is worth nothing: these are waited for however slow they are. */
  readonly requiredCopies: number;
  readonly signal: AbortSignal;
  readonly patience?: Patience;
}

/** How long a copy may hold up the others in all: so much, and a share of the time that has passed. */
export interface Patience {
  readonly ms: number;
  readonly share: number;
}

/** A storage that hiccups for some seconds is not worth a second transfer; no dump takes more than a tenth longer because of a copy. */
const defaultPatience: Patience = { ms: 10_000, share: 0.1 };

export class Tee {
  readonly #options: TeeOptions;
  readonly #patience: Patience;
  readonly #startedMs = performance.now();

  constructor(options: TeeOptions) {
    this.#options = options;
    this.#patience = options.patience ?? defaultPatience;
  }

  /** Resolves as soon as the next chunk may come. @throws what broke the primary, or a copy without which too few remain */
  async write(chunk: SharedBuffer): Promise<void> {
    for (const copy of this.#options.copies) {
      await this.#waitFor(copy, () => !copy.isFull);
    }
    this.#expectEnough();
    for (const copy of this.#options.copies) {
      copy.push(chunk);
    }
    await writeChunk(this.#options.primary, chunk.bytes);
  }

  /** Resolves when every byte is safe in the primary and in every copy that is not out. @throws as `write` */
  async finish(): Promise<void> {
    const { primary, copies } = this.#options;
    for (const copy of copies) {
      copy.end();
    }
    primary.end();
    await finished(primary);
    for (const copy of copies) {
      await this.#waitFor(copy, () => copy.isSettled);
    }
    this.#expectEnough();
  }

  async #waitFor(copy: CopyLeg, isReady: () => boolean): Promise<void> {
    while (!isReady()) {
      this.#expectEnough();
      const beganMs = performance.now();
      const leftMs = this.#mayLose() ? this.#allowedMs() - copy.heldUpMs : Number.POSITIVE_INFINITY;
      if (leftMs <= 0) {
        const seconds = Math.round(copy.heldUpMs / 1000);
        copy.drop(
          new AppError(
            'STORAGE_UNAVAILABLE',
            `The storage was too slow: it held up the others for ${seconds} s and was left behind.`,
            { remediation: 'Nothing: the copy is made up for from the stored backup.' },
          ),
        );
        return;
      }
      await copy.nextChange(leftMs, this.#options.signal);
      copy.heldUpMs += performance.now() - beganMs;
    }
  }

  #allowedMs(): number {
    return this.#patience.ms + this.#patience.share * (performance.now() - this.#startedMs);
  }

  #remaining(): number {
    return this.#options.copies.filter(({ failure }) => failure === null).length;
  }

  #mayLose(): boolean {
    return this.#remaining() > this.#options.requiredCopies;
  }

  /** At once, instead of dumping to the end for nothing. */
  #expectEnough(): void {
    if (this.#remaining() >= this.#options.requiredCopies) {
      return;
    }
    for (const { target, failure } of this.#options.copies) {
      if (failure !== null) {
        throw failureOfCopy(target, failure);
      }
    }
    throw new AppError('INTERNAL', 'More copies are required than there are.');
  }
}
