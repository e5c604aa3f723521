/** Runs another operation as a part of a running one: with a row, heartbeats and a record of its own, in the slot of the whole. */
import { AppError } from '@holdfast/contracts/errors';
import type { OperationRef } from '@holdfast/contracts/operations';
import type { EntityManager } from 'typeorm';
import type { OperationContext } from './operation-context.ts';
import { operationTables } from './operation-table.ts';
import { type OperationWork, runOperation } from './run-operation.ts';

const lookEveryMs = 250;

/** Makes the row of a part this worker's own before anybody else can see it: in the transaction that inserts it. */
export async function claimPart(
  { deps }: OperationContext,
  manager: EntityManager,
  ref: OperationRef,
): Promise<void> {
  const { table, key, runningStatuses } = operationTables[ref.kind];
  await manager.query(
    `UPDATE ${table} SET status = '${runningStatuses[0]}', attempt = 1, worker_id = $2, heartbeat_at = clock_timestamp(),
       started_at = clock_timestamp() WHERE ${key} = $1`,
    [ref.id, deps.workerId],
  );
}

/**
 * Resolves when the part has ended, however it ended: its row says how. It ends with the whole.
 * @throws what the whole was aborted with
 */
export async function runPart(
  context: OperationContext,
  ref: OperationRef,
  run: OperationWork['run'],
): Promise<void> {
  const { deps, signal, progress } = context;
  const reason = new AppError('CANCELLED', 'The operation that it is a part of has ended.');
  const abort = (): void => deps.running.abort(ref, reason);
  signal.addEventListener('abort', abort, { once: true });
  let counted = 0;
  let inner: OperationContext | null = null;
  // The whole moves as its part does; the part has its own eye on a standstill.
  const follow = setInterval(() => {
    const done = inner?.progress.meter.bytesDone ?? 0;
    progress.meter.addBytes(Math.max(0, done - counted));
    counted = done;
  }, lookEveryMs);
  try {
    await runOperation(
      deps,
      {
        ref,
        attempt: 1,
        isPart: true,
        run: async (part) => {
          inner = part;
          signal.throwIfAborted();
          return await run(part);
        },
      },
      new AbortController().signal,
    );
  } finally {
    clearInterval(follow);
    signal.removeEventListener('abort', abort);
  }
  signal.throwIfAborted();
}
