import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import { CopyLeg, queueChunks } from './copy-leg.ts';
import { SharedBuffers } from './shared-buffers.ts';
import { Tee, type TeeOptions } from './tee.ts';

/** Keeps every byte; can be told to stop taking any, or to break. */
class Destination extends Writable {
  readonly taken: Buffer[] = [];
  readonly #breaksAt: number;
  #isStuck: boolean;
  #waiting: (() => void)[] = [];

  constructor({ isStuck = false, breaksAt = Number.POSITIVE_INFINITY } = {}) {
    super({ highWaterMark: 1 });
    this.#isStuck = isStuck;
    this.#breaksAt = breaksAt;
  }

  /** Takes what has waited, and everything from now on. */
  free(): void {
    this.#isStuck = false;
    for (const go of this.#waiting.splice(0)) {
      go();
    }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const take = (): void => {
      if (this.taken.length >= this.#breaksAt) {
        done(new AppError('INSUFFICIENT_SPACE', 'full'));
        return;
      }
      this.taken.push(Buffer.from(chunk));
      done();
    };
    if (this.#isStuck) {
      this.#waiting.push(take);
    } else {
      take();
    }
  }

  get text(): string {
    return Buffer.concat(this.taken).toString();
  }
}

interface Sent {
  readonly buffers: SharedBuffers;
  readonly text: string;
}

async function send(tee: Tee, chunks: number): Promise<Sent> {
  const buffers = new SharedBuffers();
  let text = '';
  for (let number = 0; number < chunks; number += 1) {
    const chunk = buffers.take();
    const piece = `chunk ${number};`;
    chunk.fill(chunk.whole.write(piece));
    text += piece;
    await tee.write(chunk);
    chunk.release();
  }
  await tee.finish();
  return { buffers, text };
}

const impatient = { ms: 30, share: 0 };

function teeOf(
  destinations: readonly Destination[],
  options: Partial<TeeOptions> = {},
): { tee: Tee; primary: Destination; copies: CopyLeg[] } {
  const primary = new Destination();
  const copies = destinations.map((destination) => new CopyLeg('file:///there', destination));
  const { signal } = new AbortController();
  return { tee: new Tee({ primary, copies, requiredCopies: 0, signal, ...options }), primary, copies };
}

const many = queueChunks * 4;

describe('a tee', () => {
  it('gives every destination every byte, in few buffers however many there are', async () => {
    const destinations = [new Destination(), new Destination(), new Destination()];
    const { tee, primary, copies } = teeOf(destinations, { requiredCopies: 3 });
    const { text, buffers } = await send(tee, many);
    expect(primary.text).toBe(text);
    expect(destinations.map((destination) => destination.text)).toEqual([text, text, text]);
    expect(copies.map(({ failure }) => failure)).toEqual([null, null, null]);
    expect(buffers.made).toBeLessThanOrEqual(queueChunks + 2);
  });

  it('goes on without a copy that breaks, and says what broke it', async () => {
    const good = new Destination();
    const { tee, primary, copies } = teeOf([new Destination({ breaksAt: 3 }), good], { requiredCopies: 1 });
    const { text } = await send(tee, many);
    expect(primary.text).toBe(text);
    expect(good.text).toBe(text);
    expect(copies.map(({ failure }) => failure?.code)).toEqual(['INSUFFICIENT_SPACE', undefined]);
  });

  it('goes on without a copy that could not even be opened', async () => {
    const primary = new Destination();
    const copies = [new CopyLeg('file:///there', new AppError('PERMISSION_DENIED', 'no'))];
    const { signal } = new AbortController();
    const { text } = await send(new Tee({ primary, copies, requiredCopies: 0, signal }), many);
    expect(primary.text).toBe(text);
  });

  it('stops at once where too few copies remain, with the code of the one that broke', async () => {
    const { tee, primary } = teeOf([new Destination({ breaksAt: 3 }), new Destination()], {
      requiredCopies: 2,
    });
    await expect(send(tee, many)).rejects.toMatchObject({
      code: 'INSUFFICIENT_SPACE',
      message: 'The copy on file:///there failed: full',
    });
    expect(primary.taken.length).toBeLessThan(many);
  });

  it('leaves a copy behind that holds up the others longer than it may, with its buffers given back', async () => {
    const stuck = new Destination({ isStuck: true });
    const { tee, primary, copies } = teeOf([stuck], { patience: impatient });
    const { text, buffers } = await send(tee, many);
    expect(primary.text).toBe(text);
    expect(copies[0]?.failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE', transient: true });
    expect(copies[0]?.heldUpMs).toBeGreaterThanOrEqual(impatient.ms - 1);
    expect(stuck.destroyed).toBe(true);
    expect(buffers.made).toBeLessThanOrEqual(queueChunks + 2);
  });

  it('leaves a copy behind too that never finishes', async () => {
    const { tee, copies } = teeOf([new Destination({ isStuck: true })], { patience: impatient });
    await send(tee, 3);
    expect(copies[0]?.failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('waits for a copy that is slow but required', async () => {
    const slow = new Destination({ isStuck: true });
    const { tee, copies } = teeOf([slow], { requiredCopies: 1, patience: impatient });
    const sending = send(tee, many);
    // More than the patience, by the copy's own clock.
    while ((copies[0]?.heldUpMs ?? 0) === 0 && slow.taken.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, impatient.ms * 2));
      slow.free();
    }
    const { text } = await sending;
    expect(slow.text).toBe(text);
    expect(copies[0]?.failure).toBeNull();
  });

  it('does not hold a copy that only lags behind against it', async () => {
    const lagging = new Destination({ isStuck: true });
    const { tee, copies } = teeOf([lagging], { patience: { ms: 60_000, share: 0 } });
    const sending = send(tee, queueChunks);
    await new Promise((resolve) => setImmediate(resolve));
    lagging.free();
    const { text } = await sending;
    expect(lagging.text).toBe(text);
    expect(copies[0]?.failure).toBeNull();
  });

  it('ends at once when it is aborted while it waits', async () => {
    const controller = new AbortController();
    const { tee } = teeOf([new Destination({ isStuck: true })], {
      requiredCopies: 1,
      signal: controller.signal,
    });
    const sending = send(tee, many);
    setImmediate(() => controller.abort(new Error('stop')));
    await expect(sending).rejects.toThrow('stop');
  });
});
