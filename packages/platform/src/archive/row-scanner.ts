/** One instance of the WebAssembly row scanner (assembly/row-scanner.ts); the module is compiled once in a process. */
import { readFile } from 'node:fs/promises';

/** Of the global WebAssembly, what is used here; TypeScript has its types only together with a browser's. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ readonly exports: unknown }>;
};

interface ScannerExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  windowAddress(): number;
  windowSize(): number;
  startBlock(ofObjects: number): void;
  scan(size: number): number;
  getStatus(): number;
  getItems(): number;
  getBytes(): number;
  getDigest(): bigint;
}

export type ScanStatus = 'needs-more' | 'ended' | 'bad-length' | 'bad-end';

const statuses: readonly ScanStatus[] = ['needs-more', 'ended', 'bad-length', 'bad-end'];

export interface ScannedBlock {
  /** Rows of a table, or large objects. */
  readonly items: number;
  readonly bytes: number;
  /** The sum, modulo 2^64, of a hash of each item. */
  readonly digest: bigint;
}

let compiled: Promise<object> | null = null;

async function compile(): Promise<object> {
  return await WebAssembly.compile(
    new Uint8Array(await readFile(new URL('../../wasm/row-scanner.wasm', import.meta.url))),
  );
}

export class RowScanner {
  readonly #exports: ScannerExports;
  readonly #window: Uint8Array;

  private constructor(exports: ScannerExports) {
    this.#exports = exports;
    this.#window = new Uint8Array(exports.memory.buffer, exports.windowAddress(), exports.windowSize());
  }

  static async create(): Promise<RowScanner> {
    compiled ??= compile();
    const instance = await WebAssembly.instantiate(await compiled, {});
    return new RowScanner(instance.exports as ScannerExports);
  }

  startBlock(kind: 'rows' | 'large-objects'): void {
    this.#exports.startBlock(kind === 'rows' ? 0 : 1);
  }

  /** Scans from `offset`; answers the offset behind the last byte that belongs to the block. Look at `status` afterwards. */
  scan(chunk: Uint8Array, offset: number): number {
    let at = offset;
    while (at < chunk.length && this.status === 'needs-more') {
      const part = chunk.subarray(at, at + this.#window.length);
      this.#window.set(part);
      at += this.#exports.scan(part.length);
    }
    return at;
  }

  get status(): ScanStatus {
    return statuses[this.#exports.getStatus()] ?? 'bad-length';
  }

  get result(): ScannedBlock {
    return {
      items: this.#exports.getItems(),
      bytes: this.#exports.getBytes(),
      digest: BigInt.asUintN(64, this.#exports.getDigest()),
    };
  }
}
