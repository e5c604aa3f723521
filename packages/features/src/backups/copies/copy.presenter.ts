/** A row as the API answers it. */
import type { BackupCopyView } from '@holdfast/contracts/copies';
import { presentOperation } from '../../operations/index.ts';
import type { BackupCopyRow } from './copy.entity.ts';

export function presentCopy({ deletedAt: _deletedAt, ...row }: BackupCopyRow): BackupCopyView {
  return {
    ...presentOperation(row),
    provedAt: row.provedAt?.toISOString() ?? null,
    damagedAt: row.damagedAt?.toISOString() ?? null,
  };
}
