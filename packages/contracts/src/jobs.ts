/** Every job that goes through the queue: its name and payload. Ids only, never anything secret. */

export interface JobPayloads {
  /** Run this attempt of a backup; ends quietly when the row is not waiting for exactly this attempt. */
  'run-backup': { readonly backupId: number; readonly attempt: number };
  'run-drill': { readonly operationId: string; readonly attempt: number };
  'run-verification': { readonly operationId: string; readonly attempt: number };
  /** Copy a stored backup to another target. */
  'run-copy': { readonly operationId: string; readonly attempt: number };
  /** Remove the stored bytes of a row that is `deleting`. */
  'delete-backup': { readonly backupId: number };
  'delete-copy': { readonly copyId: string };
}

export type JobName = keyof JobPayloads;

/** `operations` obeys max_concurrent_operations; `maintenance` is short work that never waits behind it. */
export const jobQueues = {
  'run-backup': 'operations',
  'run-drill': 'operations',
  'run-verification': 'operations',
  'run-copy': 'operations',
  'delete-backup': 'maintenance',
  'delete-copy': 'maintenance',
} as const satisfies Record<JobName, 'operations' | 'maintenance'>;

export type QueueName = (typeof jobQueues)[JobName];
