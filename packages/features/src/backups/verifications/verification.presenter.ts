/** A row as the API answers it. */
import type { VerificationView } from '@holdfast/contracts/verifications';
import type { VerificationRow } from './verification.entity.ts';

export function presentVerification(row: VerificationRow): VerificationView {
  return {
    ...row,
    startedAt: row.startedAt?.toISOString() ?? null,
    completedAt: row.completedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
