/** Buffers that several destinations read at their own pace and that are used again once all have done. */

/** What a pipe gives at most at once. */
export const chunkBytes = 256 * 1024;

export class SharedBuffer {
  readonly whole = Buffer.allocUnsafeSlow(chunkBytes);
  readonly #giveBack: (buffer: SharedBuffer) => void;
  #size = 0;
  #holders = 0;

  constructor(giveBack: (buffer: SharedBuffer) => void) {
    this.#giveBack = giveBack;
  }

  get bytes(): Uint8Array {
    return this.whole.subarray(0, this.#size);
  }

  /** By whoever has read into it. */
  fill(size: number): void {
    this.#size = size;
  }

  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) {
      this.#giveBack(this);
    }
  }
}

/** Makes one only where none is free: as many as the slowest reader is behind, and one more. */
export class SharedBuffers {
  readonly #free: SharedBuffer[] = [];
  #made = 0;

  get made(): number {
    return this.#made;
  }

  /** Held once, by the caller. */
  take(): SharedBuffer {
    const buffer = this.#free.pop() ?? this.#make();
    buffer.hold();
    return buffer;
  }

  #make(): SharedBuffer {
    this.#made += 1;
    return new SharedBuffer((buffer) => this.#free.push(buffer));
  }
}
