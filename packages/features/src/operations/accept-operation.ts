/** Command: accept an operation. Its row and its line of the audit trail in one transaction, then its job; the row is the outbox. */
import type { OperationRef } from '@holdfast/contracts/operations';
import type { EntityManager } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { enqueueAttempt } from './enqueue-operation.ts';
import { publishOperationEvent } from './publish-event.ts';
import type { RequestDeps } from './request-cancel.ts';

export interface AcceptedRow {
  readonly id: string;
  /** For the audit trail. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Of the row, before its next attempt; 0 for a new one. */
  readonly attempt?: number;
}

/** @param insert checks what may have changed since, and inserts the row @returns its id @throws what `insert` throws */
export async function acceptOperation(
  deps: RequestDeps,
  kind: OperationRef['kind'],
  { actor, insert }: { actor: Actor; insert: (manager: EntityManager) => Promise<AcceptedRow> },
): Promise<string> {
  const { id, attempt = 0 } = await deps.source.transaction(async (manager) => {
    const row = await insert(manager);
    await recordAudit(manager, actor, {
      action: `${kind}.create`,
      subjectType: kind,
      subjectId: row.id,
      outcome: 'succeeded',
      after: row.details,
    });
    return row;
  });
  const ref = { kind, id };
  await enqueueAttempt(deps.queues, { ...ref, attempt: attempt + 1, delayMs: 0 }).catch((error: unknown) => {
    deps.logger.warn({ error, ...ref }, 'accepted but not queued yet; the reconciler does it');
  });
  await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
  return id;
}
