/** Command: remove what the plan of retention lets go, each backup looked at once more under its lock; by request, or when it is due. */
import { AppError } from '@holdfast/contracts/errors';
import type { CleanupResult } from '@holdfast/contracts/retention';
import type { Clock } from '@holdfast/platform/clock';
import { type Actor, systemActor } from '../../audit/index.ts';
import type { RequestDeps } from '../../operations/index.ts';
import { readSettings } from '../../settings/index.ts';
import { deleteBackup } from '../delete-backup.ts';
import { lastCleanupTime } from './cleanup-time.ts';
import { planCleanup } from './plan-cleanup.ts';

/** One cleaning up at a time in the whole cluster; the lock goes with the connection of a process that dies. */
const cleanupLock = 7_301_004;

export async function cleanUp(deps: RequestDeps, actor: Actor): Promise<CleanupResult> {
  const result: CleanupResult = { removed: [], kept: [], sizeBytes: 0 };
  for (const backup of await planCleanup(deps.source.manager)) {
    try {
      await deleteBackup(deps, backup.backupId, actor, 'cleanup');
      result.removed.push(backup);
      result.sizeBytes += backup.fileSize;
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      result.kept.push({ backupId: backup.backupId, reason: error.message });
    }
    await deps.reached('cleanup-removed');
  }
  await deps.source.query('UPDATE backup_settings SET last_cleanup_at = clock_timestamp() WHERE id = 1');
  return result;
}

/** For a loop in every worker: whoever comes first when it is due does it. One that was broken off is done again from where it stands. */
export async function cleanUpWhenDue(deps: RequestDeps & { readonly clock: Clock }): Promise<void> {
  if (!(await isDue(deps))) {
    return;
  }
  const runner = deps.source.createQueryRunner();
  try {
    const [{ isLocked }] = (await runner.query('SELECT pg_try_advisory_lock($1) AS "isLocked"', [
      cleanupLock,
    ])) as [{ isLocked: boolean }];
    if (!isLocked) {
      return;
    }
    try {
      // Another may have done it before this one had the lock.
      if (await isDue(deps)) {
        const { removed, kept, sizeBytes } = await cleanUp(deps, systemActor);
        deps.logger.info({ removed: removed.length, kept: kept.length, sizeBytes }, 'cleaned up');
      }
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [cleanupLock]);
    }
  } finally {
    await runner.release();
  }
}

async function isDue({
  source,
  clock,
}: Pick<RequestDeps, 'source'> & { readonly clock: Clock }): Promise<boolean> {
  const settings = await readSettings(source);
  return (
    settings.autoCleanupEnabled &&
    (settings.lastCleanupAt === null || settings.lastCleanupAt < lastCleanupTime(settings, clock.now()))
  );
}
