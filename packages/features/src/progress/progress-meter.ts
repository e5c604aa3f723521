/** Counts what has been done and works out percent, speed and time remaining; pure, apart from the clock it is given. */
import type { OperationProgress, OperationRef } from '@holdfast/contracts/operations';
import type { Clock } from '@holdfast/platform/clock';

export interface StepShare {
  readonly name: string;
  /** Percent at which the step begins and ends. */
  readonly from: number;
  readonly to: number;
}

export interface MeterOptions {
  readonly ref: OperationRef;
  readonly attempt: number;
  readonly clock: Clock;
}

/** Weight of the newest sample in the running average of the speed. */
const smoothing = 0.2;
const sampleEveryMs = 500;

export class ProgressMeter {
  bytesDone = 0;
  bytesTotal: number | null = null;
  isBytesTotalEstimated = false;
  table: string | null = null;
  #step: StepShare = { name: 'Waiting', from: 0, to: 0 };
  #percent = 0;
  #seq = 0;
  #rate: number | null = null;
  #lastSample: { atMs: number; bytes: number };
  #lastMovementMs: number;
  readonly #options: MeterOptions;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#lastMovementMs = options.clock.monotonicMs();
    this.#lastSample = { atMs: this.#lastMovementMs, bytes: 0 };
  }

  /** Counts are of the step alone, so a new step starts again from zero; the percentage goes on. */
  startStep(step: StepShare, bytesTotal: number | null, isEstimated = false): void {
    this.#step = step;
    this.bytesDone = 0;
    this.bytesTotal = bytesTotal;
    this.isBytesTotalEstimated = isEstimated;
    this.table = null;
    this.#rate = null;
    this.#lastSample = { atMs: this.#options.clock.monotonicMs(), bytes: 0 };
    this.touch();
  }

  addBytes(count: number): void {
    this.bytesDone += count;
    this.touch();
  }

  /** As the archive tasks report it; bound, to be handed on. */
  readonly addMoved = ({ bytes, table }: { bytes: number; table: string | null }): void => {
    this.addBytes(bytes);
    this.table = table;
  };

  /** Progress without bytes: the server reports that it is at work. */
  touch(): void {
    this.#lastMovementMs = this.#options.clock.monotonicMs();
  }

  get idleMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastMovementMs;
  }

  /** The next message; `seq` rises with each, percent never falls, 100 only for `completed`. */
  snapshot(status: string): OperationProgress {
    this.#sampleRate();
    this.#percent = Math.max(
      this.#percent,
      status === 'completed' ? 100 : Math.min(99, Math.floor(this.#rawPercent())),
    );
    this.#seq += 1;
    const { ref, attempt, clock } = this.#options;
    const remaining = this.#secondsRemaining();
    return {
      kind: ref.kind,
      id: ref.id,
      attempt,
      seq: this.#seq,
      status,
      progressPercent: this.#percent,
      currentStep: this.#step.name,
      bytesDone: this.bytesDone,
      bytesTotal: this.bytesTotal,
      isBytesTotalEstimated: this.isBytesTotalEstimated,
      table: this.table,
      bytesPerSecond: this.#rate === null ? null : Math.round(this.#rate),
      ...(remaining === null ? {} : { estimatedTimeRemaining: remaining }),
      updatedAt: clock.now().toISOString(),
    };
  }

  #rawPercent(): number {
    const { from, to } = this.#step;
    if (this.bytesTotal === null || this.bytesTotal === 0) {
      return from;
    }
    return from + (to - from) * Math.min(1, this.bytesDone / this.bytesTotal);
  }

  #sampleRate(): void {
    const atMs = this.#options.clock.monotonicMs();
    const elapsedMs = atMs - this.#lastSample.atMs;
    if (elapsedMs < sampleEveryMs) {
      return;
    }
    const rate = ((this.bytesDone - this.#lastSample.bytes) * 1000) / elapsedMs;
    this.#rate = this.#rate === null ? rate : this.#rate * (1 - smoothing) + rate * smoothing;
    this.#lastSample = { atMs, bytes: this.bytesDone };
  }

  #secondsRemaining(): number | null {
    if (this.bytesTotal === null || this.#rate === null || this.#rate <= 0) {
      return null;
    }
    return Math.ceil(Math.max(0, this.bytesTotal - this.bytesDone) / this.#rate);
  }
}
