/** The clocks beside a running attempt: heartbeat, time limit and stall limit; each can abort it. */
import { AppError } from '@holdfast/contracts/errors';
import type { ProgressMeter } from '../progress/index.ts';
import type { SettingsRow } from '../settings/index.ts';
import { FencedError, type OperationDeps } from './operation-context.ts';
import { type Attempt, beat } from './operation-store.ts';
import type { OperationTable } from './operation-table.ts';

export interface WatchOptions {
  readonly deps: OperationDeps;
  readonly table: OperationTable;
  readonly attempt: Attempt;
  readonly meter: ProgressMeter;
  readonly settings: SettingsRow;
  readonly controller: AbortController;
}

/** Beats this often within a lease, so that a few that fail lose nothing. */
const beatsPerLease = 4;

/** Starts all three; the answer stops them and waits for the beat under way. */
export function watchAttempt(options: WatchOptions): () => Promise<void> {
  const { deps, controller, settings, meter } = options;
  const startedMs = deps.clock.monotonicMs();
  let beating: Promise<void> = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating.then(() => sendBeat(options));
  }, deps.leaseMs / beatsPerLease);
  const limits = setInterval(() => {
    if (deps.clock.monotonicMs() - startedMs > settings.commandTimeout * 1000) {
      controller.abort(
        new AppError(
          'TIMEOUT',
          `The operation ran longer than the ${settings.commandTimeout} s of command_timeout.`,
        ),
      );
    } else if (meter.idleMs > settings.stallTimeout * 1000) {
      controller.abort(
        new AppError(
          'STALLED',
          `No byte moved and the server showed no progress for ${settings.stallTimeout} s.`,
        ),
      );
    }
  }, 250);
  return async () => {
    clearInterval(heartbeat);
    clearInterval(limits);
    await beating;
  };
}

async function sendBeat({ deps, table, attempt, controller }: WatchOptions): Promise<void> {
  try {
    const answer = await beat(deps.source, table, attempt);
    if (!answer.isOwner) {
      controller.abort(new FencedError('the operation is no longer ours'));
    } else if (answer.isCancelRequested) {
      controller.abort(new AppError('CANCELLED', 'The operation was cancelled.'));
    }
  } catch (error) {
    // While the metadata database is away nobody else can claim either; the end of the attempt decides.
    deps.logger.warn({ error, operation: `${table.kind}:${attempt.id}` }, 'a heartbeat could not be written');
  }
}
