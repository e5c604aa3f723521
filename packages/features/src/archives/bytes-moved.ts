/** How tasks tell how far they are: counts gathered over a moment, so that messages stay few. */

export interface BytesMoved {
  /** Since the last report. */
  readonly bytes: number;
  /** `schema.table` whose rows pass now. */
  readonly table: string | null;
}

const reportEveryMs = 100;
const collectEveryBytes = 8 * 1024 * 1024;

/** There with `--expose-gc`, which the services are started with; without it they only take more memory. */
const collectGarbage = (globalThis as { gc?: (options: { type: 'minor' }) => void }).gc;

/** The first bytes are told at once. */
export function reportBytes(report: (moved: BytesMoved) => void): {
  readonly add: (bytes: number, table?: string | null) => void;
  readonly flush: () => void;
} {
  let pending = 0;
  let uncollected = 0;
  let lastTable: string | null = null;
  let lastMs = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    lastMs = performance.now();
    report({ bytes: pending, table: lastTable });
    pending = 0;
  };
  return {
    flush,
    add: (bytes, table = null) => {
      pending += bytes;
      uncollected += bytes;
      if (uncollected >= collectEveryBytes) {
        // Buffers weigh next to nothing on the heap, so V8 lets some 60 MB of dead ones pile up before it looks.
        uncollected = 0;
        collectGarbage?.({ type: 'minor' });
      }
      lastTable = table;
      if (performance.now() - lastMs >= reportEveryMs) {
        flush();
      }
    },
  };
}
