/** Where each kind of operation has its row, and how that row says that a worker has it. */
import type { JobName } from '@holdfast/contracts/jobs';
import type { OperationKind, OperationRef } from '@holdfast/contracts/operations';

export interface OperationTable {
  readonly kind: OperationKind;
  readonly table:
    | 'admin_backups'
    | 'drills'
    | 'verifications'
    | 'backup_copies'
    | 'catalog_rebuilds'
    | 'restore_operations'
    | 'restore_rollbacks';
  readonly key: 'id' | 'operation_id';
  readonly job: JobName;
  /** Owed to somebody until it is done: transient failures are tried again without end, ever more rarely. */
  readonly isOwed: boolean;
  /** What the status says while a worker has it; a claim writes the first. */
  readonly runningStatuses: readonly [string, ...string[]];
  /** SQL over the row: whether a pending one may be taken yet. */
  readonly isReleased: string;
  /** SQL over the row: whether what it is for may have happened already, so that somebody has to look and end it truthfully. */
  readonly isPastReturn: string;
}

const usual = {
  key: 'operation_id',
  isOwed: false,
  runningStatuses: ['running'],
  isReleased: 'true',
  isPastReturn: 'false',
} as const satisfies Partial<OperationTable>;

export const operationTables: Readonly<Record<OperationKind, OperationTable>> = {
  backup: { ...usual, kind: 'backup', table: 'admin_backups', key: 'id', job: 'run-backup' },
  drill: { ...usual, kind: 'drill', table: 'drills', job: 'run-drill' },
  verify: { ...usual, kind: 'verify', table: 'verifications', job: 'run-verification' },
  copy: { ...usual, kind: 'copy', table: 'backup_copies', key: 'id', job: 'run-copy', isOwed: true },
  rebuild: { ...usual, kind: 'rebuild', table: 'catalog_rebuilds', job: 'run-rebuild' },
  restore: {
    ...usual,
    kind: 'restore',
    table: 'restore_operations',
    job: 'run-restore',
    runningStatuses: ['pre_backup', 'restoring'],
    isReleased: `approval_status IN ('not_required', 'approved')`,
    isPastReturn: `metadata ? 'exchangeBegunAt'`,
  },
  rollback: {
    ...usual,
    kind: 'rollback',
    table: 'restore_rollbacks',
    job: 'run-rollback',
    isPastReturn: 'attempt > 0',
  },
};

/** SQL: whether a worker has the row. */
export function isRunning({ runningStatuses }: OperationTable): string {
  return `status IN (${runningStatuses.map((status) => `'${status}'`).join(', ')})`;
}

/**
 * `holdfast-<installation>/<kind>/<id>/`: what the application_name of every session of the operation starts with. The
 * installation is part of it, since several may work on one server, each with an operation 1. Fits the 63 bytes that PostgreSQL keeps.
 */
export function applicationNamePrefix(installation: string, ref: OperationRef): string {
  return `holdfast-${installation}/${ref.kind}/${ref.id}/`;
}
