/** Every job that goes through the queue: its name and payload. Ids only, never anything secret. */

export interface JobPayloads {
  /** Run this attempt of a backup; ends quietly when the row is not waiting for exactly this attempt. */
  'run-backup': { readonly backupId: number; readonly attempt: number };
  'run-drill': { readonly operationId: string; readonly attempt: number };
  'run-verification': { readonly operationId: string; readonly attempt: number };
  'run-rebuild': { readonly operationId: string; readonly attempt: number };
  'run-restore': { readonly operationId: string; readonly attempt: number };
  'run-rollback': { readonly operationId: string; readonly attempt: number };
  /** Copy a stored backup to another target. */
  'run-copy': { readonly operationId: string; readonly attempt: number };
  /** Remove the stored bytes of a row that is `deleting`. */
  'delete-backup': { readonly backupId: number };
  'delete-copy': { readonly copyId: string };
  'check-keys': { readonly requestId: string };
}

export type JobName = keyof JobPayloads;

/**
 * `operations` obeys max_concurrent_operations; `maintenance` is short work that never waits behind it; `keys` is taken only by workers that
 * have an identity to open encrypted backups with.
 */
export const jobQueues = {
  'run-backup': 'operations',
  'run-drill': 'operations',
  'run-verification': 'operations',
  'run-rebuild': 'operations',
  'run-restore': 'operations',
  'run-rollback': 'operations',
  'run-copy': 'operations',
  'delete-backup': 'maintenance',
  'delete-copy': 'maintenance',
  'check-keys': 'keys',
} as const satisfies Record<JobName, 'operations' | 'maintenance' | 'keys'>;

export type QueueName = (typeof jobQueues)[JobName];
