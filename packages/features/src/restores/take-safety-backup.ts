/** Step: a backup of the live database, read back to its end, before anything touches it. */
import { AppError } from '@holdfast/contracts/errors';
import { BackupEntity, insertSafetyBackup, VerificationEntity } from '../backups/index.ts';
import { runBackupAttempt, runVerification } from '../backups/jobs.ts';
import type { OperationContext } from '../operations/index.ts';
import { claimPart, runPart } from '../operations/jobs.ts';
import { recordOnRow, type RestoreJob, startRestoreStep } from './restore-job.ts';

/** @throws AppError with the code of what failed: then nothing was touched */
export async function takeSafetyBackup(context: OperationContext, job: RestoreJob): Promise<void> {
  const { deps, ref } = context;
  await startRestoreStep(context, 'pre_backup');
  const id = await deps.source.transaction(async (manager) => {
    const backupId = await insertSafetyBackup(manager, {
      restoreOperationId: ref.id,
      databaseId: job.row.databaseId,
      databaseName: job.target.database,
      encryption: job.backup.encryption,
      createdBy: job.row.initiatedBy,
      now: deps.clock.now(),
    });
    await claimPart(context, manager, { kind: 'backup', id: String(backupId) });
    await manager.query('UPDATE restore_operations SET pre_restore_backup_id = $2 WHERE operation_id = $1', [
      ref.id,
      backupId,
    ]);
    return backupId;
  });
  await runPart(context, { kind: 'backup', id: String(id) }, runBackupAttempt);
  await expectEnded(context, 'admin_backups', 'id', String(id));
  await verifySafetyBackup(context, id);
  await recordOnRow(context, 'pre_backup_completed_at = clock_timestamp()');
  await deps.reached('restore-safety-backup');
}

async function verifySafetyBackup(context: OperationContext, backupId: number): Promise<void> {
  const { deps } = context;
  const operationId = await deps.source.transaction(async (manager) => {
    await manager.findOneOrFail(BackupEntity, {
      where: { id: backupId },
      lock: { mode: 'pessimistic_read' },
    });
    const inserted = await manager.insert(VerificationEntity, { backupId, copyId: null });
    const { operationId: id } = inserted.identifiers[0] as { operationId: string };
    await claimPart(context, manager, { kind: 'verify', id });
    return id;
  });
  await runPart(context, { kind: 'verify', id: operationId }, runVerification);
  await expectEnded(context, 'verifications', 'operation_id', operationId);
}

async function expectEnded(
  { deps }: OperationContext,
  table: 'admin_backups' | 'verifications',
  key: 'id' | 'operation_id',
  id: string,
): Promise<void> {
  const [row] = (await deps.source.query(
    `SELECT status, error_code AS code, error_message AS message FROM ${table} WHERE ${key} = $1`,
    [id],
  )) as { status: string; code: string | null; message: string | null }[];
  if (row?.status !== 'completed') {
    throw new AppError(
      row?.code === 'CONNECTION_FAILED' || row?.code === 'LOCKED' || row?.code === 'INSUFFICIENT_SPACE'
        ? row.code
        : 'RESTORE_FAILED',
      `The safety backup failed, so nothing was restored: ${row?.message ?? row?.status ?? 'its row is gone'}`,
      {
        remediation:
          'The live database is as it was. Mend what the detail names; where the database is too damaged to be dumped, restore without a safety backup (createPreBackup false) and say why.',
      },
    );
  }
}
