/** Job: one attempt of what ends as a backup: a dump, or a file that was made elsewhere. */
import type { OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { BackupEntity } from './backup.entity.ts';
import { runImport } from './import/run-import.ts';
import { runBackup } from './run-backup.ts';

export async function runBackupAttempt(context: OperationContext): Promise<Completion> {
  const row = await context.deps.source.manager.findOneByOrFail(BackupEntity, { id: Number(context.ref.id) });
  return row.source === 'imported' ? await runImport(context, row) : await runBackup(context);
}
