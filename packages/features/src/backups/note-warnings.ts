/** What is worth a second look at a backup that has completed: what pg_dump said, and that it is larger than expected. */
import type { EntityManager } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { readSettings } from '../settings/index.ts';
import type { BackupRow } from './backup.entity.ts';
import { sayBytes } from './say-bytes.ts';

const mebibyte = 1024 * 1024;

/** @returns what belongs into the row's metadata; a large backup is written to the audit trail as well, in the same transaction */
export async function noteWarnings(
  manager: EntityManager,
  row: BackupRow,
  { sizeBytes, warnings }: { readonly sizeBytes: number; readonly warnings: readonly string[] },
): Promise<{ warnings?: string[]; isLarge?: true }> {
  const settings = await readSettings(manager);
  const thresholdBytes = settings.largeBackupThresholdMb * mebibyte;
  if (!settings.notifyOnLargeBackups || sizeBytes <= thresholdBytes) {
    return warnings.length === 0 ? {} : { warnings: [...warnings] };
  }
  await recordAudit(manager, systemActor, {
    action: 'backup.large',
    subjectType: 'backup',
    subjectId: String(row.id),
    outcome: 'succeeded',
    after: { sizeBytes, largeBackupThresholdMb: settings.largeBackupThresholdMb },
  });
  const large = `The backup takes ${sayBytes(sizeBytes)}, more than the ${sayBytes(thresholdBytes)} of large_backup_threshold_mb.`;
  return { isLarge: true, warnings: [...warnings, large] };
}
