/** Adds the job of an operation's next attempt. The row is the outbox: what fails here the reconciler does later. */
import type { OperationRef } from '@holdfast/contracts/operations';
import type { JobQueues } from '@holdfast/platform/queue/queues';
import { operationTables } from './operation-table.ts';

export interface NextAttempt extends OperationRef {
  readonly attempt: number;
  readonly delayMs: number;
}

/** Harmless when the job is there already. */
export async function enqueueAttempt(queues: JobQueues, next: NextAttempt): Promise<void> {
  const { kind, id, attempt, delayMs } = next;
  // BullMQ takes neither ":" nor digits alone.
  const jobId = `${kind}-${id}-${attempt}`;
  const payload = kind === 'backup' ? { backupId: Number(id), attempt } : { operationId: id, attempt };
  await queues.add({ name: operationTables[kind].job, payload, jobId, delayMs });
}
