/** Job: whether the identities of this worker open the newest backup of every recipient set, so that a lost key is found before it is needed. */
import { AppError } from '@holdfast/contracts/errors';
import { readStored } from '../../archives/index.ts';
import type { OperationDeps } from '../../operations/index.ts';
import type { BackupRow } from '../backup.entity.ts';
import { storedArchive } from '../stored-archive.ts';
import { readNewestEncrypted } from './newest-encrypted.ts';

export type CheckKeysDeps = Pick<
  OperationDeps,
  'source' | 'storage' | 'keyring' | 'workerId' | 'logger' | 'clock'
>;

/** Of one backup: a storage that is silent for longer is a finding itself. */
const openWithinMs = 60_000;

/** One that was asked for; ends quietly where it is settled already. */
export async function runKeyCheck(deps: CheckKeysDeps, requestId: string): Promise<void> {
  const [claimed] = (await deps.source.query(
    `UPDATE key_check_requests SET started_at = clock_timestamp(), worker_id = $2 WHERE request_id = $1 AND status = 'pending' RETURNING 1`,
    [requestId, deps.workerId],
  )) as [unknown[], number];
  if (claimed.length === 0) {
    return;
  }
  await checkKeys(deps, requestId);
  await deps.source.query(
    `UPDATE key_check_requests SET status = 'completed', completed_at = clock_timestamp(), worker_id = $2 WHERE request_id = $1 AND status = 'pending'`,
    [requestId, deps.workerId],
  );
}

const dayMs = 24 * 3600 * 1000;

/**
 * For a loop that passes more often: at the first pass, so that a key that was lost with the worker before this one is missed at once, and then
 * once a day. A pass that fails is made up for by the next.
 */
export function dailyKeyCheck(deps: CheckKeysDeps): () => Promise<void> {
  let checkedMs: number | null = null;
  return async () => {
    const nowMs = deps.clock.monotonicMs();
    if (checkedMs === null || nowMs - checkedMs >= dayMs) {
      await checkKeys(deps, null);
      checkedMs = nowMs;
    }
  };
}

/** `requestId`: null where nobody asked and the worker does it by itself. */
async function checkKeys(deps: CheckKeysDeps, requestId: string | null): Promise<void> {
  const { source, workerId, logger } = deps;
  for (const { recipientSet, backup } of await readNewestEncrypted(source.manager)) {
    const failure = await tryToOpen(deps, backup);
    await source.query(
      `INSERT INTO key_checks (request_id, worker_id, recipient_set, backup_id, is_opened, error_code, error_message, error_remediation, checked_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())`,
      [
        requestId,
        workerId,
        recipientSet,
        backup.id,
        failure === null,
        failure?.code ?? null,
        failure?.message ?? null,
        failure?.remediation ?? null,
      ],
    );
    if (failure !== null) {
      logger.warn(
        { backupId: backup.id, recipients: recipientSet.split(' '), code: failure.code },
        `this worker can not open the newest backup for these recipients: ${failure.message}`,
      );
    }
  }
}

/** Decrypts the beginning: age gives nothing out that it has not authenticated. Null where that went well. */
async function tryToOpen(deps: CheckKeysDeps, backup: BackupRow): Promise<AppError | null> {
  const limit = AbortSignal.timeout(openWithinMs);
  try {
    const archive = await storedArchive(deps, backup);
    // What lies under the encryption is the business of verifications.
    for await (const chunk of readStored({ ...archive, compression: 'none' }, limit)) {
      if (chunk.length > 0) {
        break;
      }
    }
    return null;
  } catch (error) {
    if (limit.aborted) {
      return new AppError('TIMEOUT', `The storage gave no bytes within ${openWithinMs / 1000} s.`, {
        cause: error,
        remediation: 'Look at the storage, then check the keys again.',
      });
    }
    if (error instanceof AppError) {
      return error;
    }
    deps.logger.warn({ error, backupId: backup.id }, 'checking a key broke');
    return new AppError('INTERNAL', `Backup ${backup.id} could not be read.`, { cause: error });
  }
}
