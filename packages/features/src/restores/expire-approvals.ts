/** Job: give up restores that nobody approved in time. */
import { AppError } from '@holdfast/contracts/errors';
import type { DataSource } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { type EventDeps, moveFrom, operationTables, publishOperationEvent } from '../operations/index.ts';

export interface ExpireDeps extends EventDeps {
  readonly source: DataSource;
}

/** Any number of processes may do it at once. */
export async function expireApprovals(deps: ExpireDeps): Promise<void> {
  const ended = await deps.source.transaction(async (manager) => {
    const [rows] = (await manager.query(
      `UPDATE restore_operations SET approval_status = 'expired'
       WHERE approval_status = 'awaiting' AND status = 'pending' AND approval_expires_at <= clock_timestamp()
       RETURNING operation_id AS id, attempt`,
    )) as [{ id: string; attempt: number }[], number];
    for (const { id, attempt } of rows) {
      const error = new AppError('CONFIRMATION_EXPIRED', 'Nobody approved the restore in time.');
      await moveFrom(manager, operationTables.restore, {
        id,
        attempt,
        from: 'pending',
        settlement: { status: 'failed', error },
      });
      await recordAudit(manager, systemActor, {
        action: 'restore.expire',
        subjectType: 'restore',
        subjectId: id,
        outcome: 'failed',
      });
    }
    return rows;
  });
  for (const { id } of ended) {
    await publishOperationEvent(deps, { kind: 'restore', id, event: 'ended', status: 'failed' });
  }
}
