/** What a worker cannot do yet: turned down before it touches anything, rather than something else done instead. Pure. */
import { AppError } from '@holdfast/contracts/errors';
import type { RestoreRow } from './restore.entity.ts';

type Asked = Pick<
  RestoreRow,
  'plan' | 'restoreType' | 'includeIndexes' | 'includeConstraints' | 'includeTriggers'
>;

/** @throws AppError INVALID_CONFIG */
export function refuseUnsupported(asked: Asked): void {
  const { plan, restoreType } = asked;
  const isWhole =
    restoreType === 'full' &&
    plan.tables === null &&
    asked.includeIndexes &&
    asked.includeConstraints &&
    asked.includeTriggers;
  const what =
    plan.strategy === 'in_place'
      ? 'restore in place'
      : !isWhole
        ? 'restore a part of a backup'
        : plan.jobs > 1
          ? 'restore by several connections at once'
          : null;
  if (what !== null) {
    throw new AppError('INVALID_CONFIG', `Workers cannot ${what} yet; nothing was touched.`, {
      remediation: 'Restore everything by swap or into a new database, with one job.',
    });
  }
}
