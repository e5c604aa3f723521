/** What a worker cannot do yet: turned down before it touches anything, rather than something else done instead. Pure. */
import { AppError } from '@holdfast/contracts/errors';
import type { RestoreRow } from './restore.entity.ts';

type Asked = Pick<RestoreRow, 'plan' | 'restoreType'>;

/** @throws AppError INVALID_CONFIG */
export function refuseUnsupported({ plan, restoreType }: Asked): void {
  const what =
    restoreType === 'selective' || plan.tables !== null
      ? 'restore single tables'
      : restoreType === 'data_only' && plan.strategy !== 'in_place'
        ? 'restore data alone where there are no tables'
        : plan.jobs > 1
          ? 'restore by several connections at once'
          : null;
  if (what !== null) {
    throw new AppError('INVALID_CONFIG', `Workers cannot ${what} yet; nothing was touched.`, {
      remediation:
        'Restore everything into a new database, with one job, and copy from there what is wanted.',
    });
  }
}
