/** Step: the backup restored into a new database beside the live one, compared with the manifest, and analysed. */
import path from 'node:path';
import type { DrillResult } from '@holdfast/contracts/drills';
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { EntryKey } from '@holdfast/platform/archive/replay-script';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { analyseCommand } from '@holdfast/platform/pgtools/psql';
import { runToEnd } from '../archives/index.ts';
import { isPartial, storedArchive } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { createScratchFolder } from '../operations/jobs.ts';
import { compareWithManifest } from './compare-with-manifest.ts';
import { inspectDatabase } from './inspect-database.ts';
import { prepareDependencies, type Prepared } from './prepare-dependencies.ts';
import { canRestoreOwners, restoreArchive, writeListFile } from './restore-archive.ts';
import { recordOnRow, type RestoreJob, restoreSteps, startRestoreStep } from './restore-job.ts';
import { expectedManifest, isEverything, selectEntries } from './select-entries.ts';
import { selectTables } from './select-tables.ts';

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
  const withOwners = await withDatabase(job.maintenance, context.connect, (session) =>
    canRestoreOwners(session, job.manifest.database.roles),
  );
  await startRestoreStep(context, 'check');
  const startedMs = deps.clock.monotonicMs();
  const prepared = await prepareDependencies(context, { ...job, source: job.target, scratch: aside });
  const { manifest, listFile, skippedEntries, skippedForeignKeys } = await leaveOut(context, job, prepared);
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
  const found = await inspectDatabase(context, { ...job, manifest, address: aside });
  const verification = {
    ...compareWithManifest({
      manifest,
      found,
      withOwners,
      isWholeDatabase: !isPartial(job.backup) && job.row.plan.tables === null,
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

/** What the request does not want, beside what could not stand. */
async function leaveOut(
  context: OperationContext,
  { row, backup, manifest, thread }: RestoreJob,
  prepared: Prepared,
): Promise<Prepared & { readonly manifest: Manifest }> {
  if (isEverything(row)) {
    return { ...prepared, manifest };
  }
  const entries = await thread.run('readStoredEntries', await storedArchive(context.deps, backup), {
    signal: context.signal,
    onProgress: () => context.progress.meter.touch(),
  });
  const skipped = new Set(prepared.skippedEntries.map(entryKey));
  const { tables } = row.plan;
  const selected = tables === null ? null : selectTables(entries, tables);
  const wanted = selectEntries(selected?.kept ?? entries, row);
  const kept = wanted.filter((entry) => !skipped.has(entryKey(entry)));
  const folder = await createScratchFolder(context, { name: 'entries', neededBytes: 0 });
  const listFile = path.join(folder, 'wanted.list');
  await writeListFile(
    listFile,
    kept.map(({ dumpId }) => `${dumpId};`),
  );
  return {
    listFile,
    skippedEntries: entries.filter((entry) => !kept.includes(entry)),
    skippedForeignKeys: selected?.skippedForeignKeys ?? prepared.skippedForeignKeys,
    manifest: expectedManifest(manifest, kept, { ...row, tables }),
  };
}

const entryKey = ({ description, schema, tag }: EntryKey): string =>
  JSON.stringify([description, schema, tag]);

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
