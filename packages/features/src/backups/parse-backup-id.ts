/** The id of a backup as it stands in an address. Pure. */
import { AppError } from '@holdfast/contracts/errors';

const largestId = 2_147_483_647;

/** Ids beyond the column's range name no backup. @throws AppError BACKUP_NOT_FOUND */
export function parseBackupId(text: string): number {
  const id = Number(text);
  if (id > largestId) {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${text}.`);
  }
  return id;
}
