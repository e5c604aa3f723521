/** Follows a tar as its bytes come, cut anywhere, in constant memory. */
import { AppError } from '@holdfast/contracts/errors';
import { decodeTarHeader, tarBlockBytes, type TarMember } from './tar-header.ts';

export interface TarHandler {
  /** `offset`: where in the tar its first byte of data stands. */
  startMember(member: TarMember, offset: number): void;
  /** Some of the member's data; the chunk is not ours to keep. */
  data(chunk: Uint8Array, offset: number): void;
  endMember(offset: number): void;
}

const endBlocks = 2;

export class TarReader {
  readonly #handler: TarHandler;
  readonly #header = Buffer.alloc(tarBlockBytes);
  #headerRead = 0;
  #state: 'header' | 'data' | 'padding' = 'header';
  /** Of the member's data or padding, what has not come yet. */
  #left = 0;
  #padding = 0;
  #name = '';
  #emptyBlocks = 0;
  #offset = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  get bytesRead(): number {
    return this.#offset;
  }

  /** @throws AppError FILE_CORRUPTION with the offset, and what the handler throws */
  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const before = at;
      switch (this.#state) {
        case 'header':
          at = this.#readHeader(chunk, at);
          break;
        case 'data':
          at = this.#readData(chunk, at);
          break;
        case 'padding':
          at = this.#readPadding(chunk, at);
          break;
      }
      this.#offset += at - before;
      this.#proceed();
    }
  }

  /** @throws AppError FILE_CORRUPTION unless the tar has its end mark and stops behind it at the end of a block */
  end(): void {
    if (this.#state !== 'header' || this.#headerRead > 0 || this.#emptyBlocks < endBlocks) {
      const where = this.#state === 'header' ? '' : `, in "${this.#name}"`;
      throw new AppError('FILE_CORRUPTION', `The archive is cut short after ${this.#offset} bytes${where}.`);
    }
  }

  #readHeader(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + tarBlockBytes - this.#headerRead);
    this.#header.set(chunk.subarray(at, end), this.#headerRead);
    this.#headerRead += end - at;
    return end;
  }

  #readData(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#handler.data(chunk.subarray(at, end), this.#offset);
    this.#left -= end - at;
    return end;
  }

  #readPadding(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    const wrong = chunk.subarray(at, end).findIndex((byte) => byte !== 0);
    if (wrong >= 0) {
      throw damagedAt(this.#offset + wrong, `something stands behind the end of "${this.#name}"`);
    }
    this.#left -= end - at;
    return end;
  }

  /** To the next state, once all of this one has come; a file without data ends as soon as it begins. */
  #proceed(): void {
    if (this.#state === 'header' && this.#headerRead === tarBlockBytes) {
      this.#startMember();
    }
    if (this.#state === 'data' && this.#left === 0) {
      this.#state = 'padding';
      this.#left = this.#padding;
      this.#handler.endMember(this.#offset);
    }
    if (this.#state === 'padding' && this.#left === 0) {
      this.#state = 'header';
    }
  }

  #startMember(): void {
    const headerOffset = this.#offset - tarBlockBytes;
    this.#headerRead = 0;
    if (this.#header.every((byte) => byte === 0)) {
      this.#emptyBlocks += 1;
      return;
    }
    if (this.#emptyBlocks > 0) {
      throw damagedAt(headerOffset, 'something stands behind the end mark');
    }
    const member = decodeTarHeader(this.#header);
    if (typeof member === 'string') {
      throw damagedAt(headerOffset, member);
    }
    this.#name = member.name;
    this.#state = 'data';
    this.#left = member.sizeBytes;
    this.#padding = (tarBlockBytes - (member.sizeBytes % tarBlockBytes)) % tarBlockBytes;
    this.#handler.startMember(member, this.#offset);
  }
}

export function damagedAt(offset: number, what: string): AppError {
  return new AppError('FILE_CORRUPTION', `The archive is damaged at offset ${offset}: ${what}.`);
}
