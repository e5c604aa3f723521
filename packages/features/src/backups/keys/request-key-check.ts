/** Command: have the keys checked by a worker that has some. The row is the outbox: a job that is lost is added again from it. */
import type { DataSource } from 'typeorm';
import type { JobQueues } from '@holdfast/platform/queue/queues';
import { type Actor, recordAudit } from '../../audit/index.ts';
import type { RequestDeps } from '../../operations/index.ts';

/** Only workers with an identity take these jobs; where there is none, somebody is waiting for a reason. */
const takenWithinSeconds = 60;
/** Longer than any worker that lives takes, even where each storage is silent. */
const doneWithinSeconds = 1800;

export async function requestKeyCheck(
  { source, queues, logger }: Pick<RequestDeps, 'source' | 'queues' | 'logger'>,
  actor: Actor,
): Promise<string> {
  const requestId = await source.transaction(async (manager) => {
    const [{ id }] = (await manager.query(
      'INSERT INTO key_check_requests (created_by) VALUES ($1) RETURNING request_id AS id',
      [actor.userId],
    )) as [{ id: string }];
    await recordAudit(manager, actor, {
      action: 'keys.check',
      subjectType: 'key_check',
      subjectId: id,
      outcome: 'succeeded',
    });
    return id;
  });
  await enqueue(queues, requestId).catch((error: unknown) => {
    logger.warn(
      { error, requestId },
      'the check of the keys is accepted but not queued yet; the reconciler does it',
    );
  });
  return requestId;
}

/** Every process, now and then: adds the jobs of requests that wait, and ends those that nobody takes or ends. */
export async function reconcileKeyChecks({
  source,
  queues,
}: {
  readonly source: DataSource;
  readonly queues: JobQueues;
}): Promise<void> {
  await source.query(
    `UPDATE key_check_requests SET status = 'failed', completed_at = clock_timestamp(),
       error_code = CASE WHEN started_at IS NULL THEN 'INVALID_CONFIG' ELSE 'STALLED' END,
       error_message = CASE WHEN started_at IS NULL
         THEN 'No worker with an identity took the check within ${takenWithinSeconds} s.'
         ELSE 'The worker that took the check did not end it.' END,
       error_remediation = CASE WHEN started_at IS NULL
         THEN 'Set HOLDFAST_ENCRYPTION_IDENTITY (or HOLDFAST_ENCRYPTION_IDENTITY_FILE) on a worker, and see that it runs.'
         ELSE 'Look at the log of the worker, then check again.' END
     WHERE status = 'pending' AND (started_at IS NULL AND created_at < clock_timestamp() - interval '${takenWithinSeconds} s'
       OR created_at < clock_timestamp() - interval '${doneWithinSeconds} s')`,
  );
  const waiting = (await source.query(
    `SELECT request_id AS id FROM key_check_requests WHERE status = 'pending' ORDER BY created_at LIMIT 20`,
  )) as { id: string }[];
  for (const { id } of waiting) {
    await enqueue(queues, id);
  }
}

async function enqueue(queues: JobQueues, requestId: string): Promise<void> {
  await queues.add({ name: 'check-keys', payload: { requestId }, jobId: `check-keys-${requestId}` });
}
