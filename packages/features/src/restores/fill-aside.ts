/** Step: the backup restored into a new database beside the live one, compared with the manifest, and analysed. */
import type { DrillResult } from '@holdfast/contracts/drills';
import { AppError } from '@holdfast/contracts/errors';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { analyseCommand } from '@holdfast/platform/pgtools/psql';
import { runToEnd } from '../archives/index.ts';
import { isPartial } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { compareWithManifest } from './compare-with-manifest.ts';
import { inspectDatabase } from './inspect-database.ts';
import { prepareDependencies } from './prepare-dependencies.ts';
import { canRestoreOwners, restoreArchive } from './restore-archive.ts';
import { recordOnRow, type RestoreJob, restoreSteps, startRestoreStep } from './restore-job.ts';

/**
 * @param aside an empty database, to which nobody else is connected
 * @throws AppError RESTORE_FAILED where what was restored differs from what was backed up
 */
export async function fillAside(
  context: OperationContext,
  job: RestoreJob,
  aside: DatabaseAddress,
): Promise<DrillResult> {
  const { deps } = context;
  const { manifest } = job;
  const withOwners = await withDatabase(job.maintenance, context.connect, (session) =>
    canRestoreOwners(session, manifest.database.roles),
  );
  await startRestoreStep(context, 'check');
  const startedMs = deps.clock.monotonicMs();
  const { listFile, skippedForeignKeys, skippedEntries } = await prepareDependencies(context, {
    ...job,
    source: job.target,
    scratch: aside,
  });
  await restoreArchive(context, {
    ...job,
    scratch: aside,
    withOwners,
    listFile,
    skippedEntries,
    checkStep: restoreSteps.check,
    restoreStep: restoreSteps.restore,
  });
  const restoredMs = deps.clock.monotonicMs();
  await deps.reached('restore-restored');
  await startRestoreStep(context, 'verify');
  context.progress.startStep(restoreSteps.verify, manifest.file.uncompressedBytes);
  const found = await inspectDatabase(context, { ...job, address: aside });
  const verification = {
    ...compareWithManifest({
      manifest,
      found,
      withOwners,
      isWholeDatabase: !isPartial(job.backup),
      skippedForeignKeys: skippedForeignKeys.length,
    }),
    restoredDatabaseBytes: found.databaseBytes,
    restoreDurationMs: Math.round(restoredMs - startedMs),
    verifyDurationMs: Math.round(deps.clock.monotonicMs() - restoredMs),
    ownersRestored: withOwners,
    skippedForeignKeys: [...skippedForeignKeys],
  };
  await recordOnRow(context, 'verification = $3, tables_restored = $4, rows_restored = $5, data_size = $6', [
    verification,
    verification.tablesCompared,
    verification.rowsCompared,
    verification.restoredDatabaseBytes,
  ]);
  refuseDifferences(verification);
  await deps.reached('restore-verified');
  await startRestoreStep(context, 'analyse');
  await runToEnd(analyseCommand({ client: job.client, address: aside, connect: context.connect }), {
    name: 'psql',
    signal: context.signal,
    fallback: 'RESTORE_FAILED',
  });
  return verification;
}

function refuseDifferences({ differences }: DrillResult): void {
  const [first] = differences;
  if (first !== undefined) {
    throw new AppError(
      'RESTORE_FAILED',
      `What was restored differs from the backup in ${differences.length} ways; the first: ${first.kind} of ${first.object}, ${first.expected} expected, ${first.actual} found.`,
      { remediation: 'The live database is as it was. Verify the backup, and choose another.' },
    );
  }
}
