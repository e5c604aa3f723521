/** What the steps of a restore work with, and how they write into its row. */
import type { RestoreStepName } from '@holdfast/contracts/restores';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import type { ArchiveThread } from '../archives/index.ts';
import type { BackupRow } from '../backups/index.ts';
import { FencedError, isRunning, type OperationContext, operationTables } from '../operations/index.ts';
import type { RestoreRow } from './restore.entity.ts';

export interface RestoreJob {
  readonly row: RestoreRow;
  readonly backup: BackupRow;
  readonly manifest: Manifest;
  readonly thread: ArchiveThread;
  readonly client: ClientPrograms;
  readonly target: DatabaseAddress;
  /** Another database of that server, where databases are made, renamed and dropped from. */
  readonly maintenance: DatabaseAddress;
}

/** What the progress says of each step, and its share of a restore by way of a database aside. */
export const restoreSteps = {
  pre_backup: { name: 'Taking the safety backup', from: 0, to: 20 },
  check: { name: 'Checking the stored file', from: 20, to: 25 },
  restore: { name: 'Restoring', from: 25, to: 80 },
  verify: { name: 'Comparing with the manifest', from: 80, to: 95 },
  analyse: { name: 'Collecting statistics for the planner', from: 95, to: 98 },
  swap: { name: 'Exchanging the databases', from: 98, to: 99 },
  commit: { name: 'Committing', from: 98, to: 99 },
} as const satisfies Partial<Record<RestoreStepName, unknown>>;

/** Writes columns while the row is this attempt's. @throws FencedError */
export async function recordOnRow(
  { deps, ref, attempt }: OperationContext,
  sets: string,
  values: readonly unknown[] = [],
): Promise<void> {
  const table = operationTables.restore;
  const [, count] = (await deps.source.query(
    `UPDATE ${table.table} SET ${sets} WHERE operation_id = $1 AND attempt = $2 AND ${isRunning(table)}`,
    [ref.id, attempt, ...values],
  )) as [unknown[], number];
  if (count === 0) {
    throw new FencedError('the operation is no longer ours');
  }
}

export async function startRestoreStep(
  context: OperationContext,
  step: keyof typeof restoreSteps,
): Promise<void> {
  context.progress.startStep(restoreSteps[step]);
  await recordOnRow(context, 'current_step = $3, progress_percent = GREATEST(progress_percent, $4)', [
    restoreSteps[step].name,
    restoreSteps[step].from,
  ]);
}
