/** A row as the API answers it. */
import type { BackupView } from '@holdfast/contracts/backups';
import { presentOperation } from '../operations/index.ts';
import type { BackupRow } from './backup.entity.ts';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function presentBackup(row: BackupRow): BackupView {
  const {
    expiresAt,
    scheduledFor,
    provedAt,
    damagedAt,
    anomaliesAcceptedAt,
    manifest: _manifest,
    deletedAt: _deletedAt,
    import: _import,
    estimatedBytes: _estimatedBytes,
    ...same
  } = row;
  return {
    ...presentOperation(same),
    expiresAt: iso(expiresAt),
    scheduledFor: iso(scheduledFor),
    provedAt: iso(provedAt),
    damagedAt: iso(damagedAt),
    anomaliesAcceptedAt: iso(anomaliesAcceptedAt),
  };
}
