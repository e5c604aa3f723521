/** What the checks of a recipient set mean for whoever relies on its backups. Pure. */
import type { KeyCheck, KeyFinding } from '@holdfast/contracts/keys';

const dayMs = 86_400_000;
/** Workers check daily: two days without a check that succeeded are no delay any more. */
const oldMs = 2 * dayMs;

export interface CheckedSet {
  readonly newest: KeyCheck | null;
  /** The newest that succeeded, by whichever worker. */
  readonly newestOpened: KeyCheck | null;
}

export function judgeKeys({ newest, newestOpened }: CheckedSet, now: Date): KeyFinding | null {
  if (newest === null) {
    return {
      severity: 'warning',
      cause: 'No worker has ever tried to open a backup for these recipients.',
      remediation:
        'Set HOLDFAST_ENCRYPTION_IDENTITY on a worker, then check the keys (POST /keys/check, or holdfast keys check).',
    };
  }
  const ageMs = newestOpened === null ? null : now.getTime() - Date.parse(newestOpened.checkedAt);
  if (!newest.isOpened) {
    const isOpenedElsewhere = ageMs !== null && ageMs < oldMs && newestOpened?.workerId !== newest.workerId;
    return {
      severity: isOpenedElsewhere ? 'warning' : 'critical',
      cause: `Worker ${newest.workerId} could not open backup ${newest.backupId}: ${newest.errorMessage ?? 'unknown'}${
        isOpenedElsewhere ? ` Worker ${newestOpened?.workerId} did at ${newestOpened?.checkedAt}.` : ''
      }`,
      remediation: newest.errorRemediation ?? 'Look at the log of the worker.',
    };
  }
  return ageMs !== null && ageMs >= oldMs
    ? {
        severity: 'warning',
        cause: `The key was last seen to open a backup ${Math.floor(ageMs / dayMs)} days ago.`,
        remediation: 'See that a worker with the identity runs, then check the keys.',
      }
    : null;
}
