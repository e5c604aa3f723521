/** A row as the API answers it. */
import type { BackupCopyView } from '@holdfast/contracts/copies';
import type { BackupCopyRow } from './copy.entity.ts';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function presentCopy({ deletedAt: _deletedAt, ...row }: BackupCopyRow): BackupCopyView {
  return {
    ...row,
    provedAt: iso(row.provedAt),
    damagedAt: iso(row.damagedAt),
    startedAt: iso(row.startedAt),
    completedAt: iso(row.completedAt),
    createdAt: row.createdAt.toISOString(),
  };
}
