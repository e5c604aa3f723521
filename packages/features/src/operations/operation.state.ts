/** Which status may follow which. The database refuses every other move by a trigger, so none can be written by accident. */
import type { BackupStatus } from '@holdfast/contracts/backups';
import type { CopyStatus } from '@holdfast/contracts/copies';
import type { OperationStatus } from '@holdfast/contracts/operations';
import type { RestoreStatus } from '@holdfast/contracts/restores';

export const backupMoves: Readonly<Record<BackupStatus, readonly BackupStatus[]>> = {
  pending: ['running', 'failed', 'cancelled'],
  running: ['completed', 'failed', 'cancelled', 'pending'],
  completed: ['deleting'],
  failed: ['deleting'],
  cancelled: ['deleting'],
  deleting: ['deleted'],
  deleted: [],
};

/** Of what is never deleted: drills, verifications, rebuilds, rollbacks. */
export const operationMoves: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  pending: ['running', 'failed', 'cancelled'],
  running: ['completed', 'failed', 'cancelled', 'pending'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** A claim begins with the safety backup, also where there is none to make; whoever restores without one moves on at once. */
export const restoreMoves: Readonly<Record<RestoreStatus, readonly RestoreStatus[]>> = {
  pending: ['pre_backup', 'failed', 'cancelled'],
  pre_backup: ['restoring', 'failed', 'cancelled', 'pending'],
  restoring: ['completed', 'failed', 'cancelled', 'pending'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** A copy that failed or was cancelled may be asked for again. */
export const copyMoves: Readonly<Record<CopyStatus, readonly CopyStatus[]>> = {
  pending: ['running', 'failed', 'cancelled', 'deleting'],
  running: ['completed', 'failed', 'cancelled', 'pending'],
  completed: ['deleting'],
  failed: ['pending', 'deleting'],
  cancelled: ['pending', 'deleting'],
  deleting: ['deleted'],
  deleted: [],
};
