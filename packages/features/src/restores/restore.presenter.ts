/** A restore as the API answers it. */
import type { RestoreView } from '@holdfast/contracts/restores';
import type { RestoreRow } from './restore.entity.ts';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function presentRestore(row: RestoreRow): RestoreView {
  const { targetKey: _key, reportDigest: _digest, ...same } = row;
  return {
    ...same,
    startedAt: iso(row.startedAt),
    preBackupCompletedAt: iso(row.preBackupCompletedAt),
    restoreStartedAt: iso(row.restoreStartedAt),
    completedAt: iso(row.completedAt),
    rollbackExpiresAt: iso(row.rollbackExpiresAt),
    rolledBackAt: iso(row.rolledBackAt),
    approvalExpiresAt: iso(row.approvalExpiresAt),
    decidedAt: iso(row.decidedAt),
    createdAt: row.createdAt.toISOString(),
  };
}
