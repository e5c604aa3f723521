/** Where each kind of operation has its row. */
import type { JobName } from '@holdfast/contracts/jobs';
import type { OperationKind, OperationRef } from '@holdfast/contracts/operations';

export interface OperationTable {
  readonly kind: OperationKind;
  readonly table: 'admin_backups' | 'drills' | 'verifications' | 'backup_copies' | 'catalog_rebuilds';
  readonly key: 'id' | 'operation_id';
  readonly job: JobName;
  /** Owed to somebody until it is done: transient failures are tried again without end, ever more rarely. */
  readonly isOwed: boolean;
}

export const operationTables: Readonly<Record<OperationKind, OperationTable>> = {
  backup: { kind: 'backup', table: 'admin_backups', key: 'id', job: 'run-backup', isOwed: false },
  drill: { kind: 'drill', table: 'drills', key: 'operation_id', job: 'run-drill', isOwed: false },
  verify: {
    kind: 'verify',
    table: 'verifications',
    key: 'operation_id',
    job: 'run-verification',
    isOwed: false,
  },
  copy: { kind: 'copy', table: 'backup_copies', key: 'id', job: 'run-copy', isOwed: true },
  rebuild: {
    kind: 'rebuild',
    table: 'catalog_rebuilds',
    key: 'operation_id',
    job: 'run-rebuild',
    isOwed: false,
  },
};

/**
 * `holdfast-<installation>/<kind>/<id>/`: what the application_name of every session of the operation starts with. The
 * installation is part of it, since several may work on one server, each with an operation 1. Fits the 63 bytes that PostgreSQL keeps.
 */
export function applicationNamePrefix(installation: string, ref: OperationRef): string {
  return `holdfast-${installation}/${ref.kind}/${ref.id}/`;
}
