/** Names of the databases that a restore makes; each tells whose it is and fits the 63 bytes that PostgreSQL keeps. Pure. */

const compact = (operationId: string): string => operationId.replaceAll('-', '');

/** Followed by the attempt: where a backup is restored before it gets the live name. */
export function shadowPrefix(operationId: string): string {
  return `holdfast_restore_${compact(operationId)}_`;
}

/** The original, since the swap. */
export function keptName(operationId: string): string {
  return `holdfast_kept_${compact(operationId)}`;
}

/** What was live until a rollback, by that rollback's id. */
export function undoneName(rollbackId: string): string {
  return `holdfast_undone_${compact(rollbackId)}`;
}
