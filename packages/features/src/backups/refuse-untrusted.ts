/** What was made elsewhere may hold anything: it is restored, on trial too, only once a person has said that it may. */
import { AppError } from '@holdfast/contracts/errors';
import type { BackupRow } from './backup.entity.ts';

/** @throws AppError APPROVAL_REQUIRED */
export function refuseUntrusted({ id, isTrusted }: Pick<BackupRow, 'id' | 'isTrusted'>): void {
  if (!isTrusted) {
    throw new AppError(
      'APPROVAL_REQUIRED',
      `Backup ${id} was made elsewhere and nobody has trusted it yet.`,
      {
        remediation: `Look at GET /backups/${id}/contents, and when you know where it comes from, PATCH /backups/${id} with {"isTrusted": true}.`,
      },
    );
  }
}
