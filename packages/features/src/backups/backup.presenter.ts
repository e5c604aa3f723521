/** A row as the API answers it. */
import type { BackupView } from '@holdfast/contracts/backups';
import type { BackupRow } from './backup.entity.ts';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function presentBackup(row: BackupRow): BackupView {
  const {
    startedAt,
    completedAt,
    createdAt,
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
    ...same,
    startedAt: iso(startedAt),
    completedAt: iso(completedAt),
    createdAt: createdAt.toISOString(),
    expiresAt: iso(expiresAt),
    scheduledFor: iso(scheduledFor),
    provedAt: iso(provedAt),
    damagedAt: iso(damagedAt),
    anomaliesAcceptedAt: iso(anomaliesAcceptedAt),
  };
}
