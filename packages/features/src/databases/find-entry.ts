/** One entry of the registry by its id, locked where it is about to change. */
import { AppError } from '@holdfast/contracts/errors';
import { type EntityManager, IsNull } from 'typeorm';
import { DatabaseEntity, type DatabaseRow } from './database.entity.ts';

const largestId = 2_147_483_647;

/** @throws AppError NOT_FOUND */
export async function findEntry(
  manager: EntityManager,
  id: number,
  lock?: 'pessimistic_write',
): Promise<DatabaseRow> {
  const row =
    id > largestId
      ? null
      : await manager.findOne(DatabaseEntity, {
          where: { id, deletedAt: IsNull() },
          ...(lock === undefined ? {} : { lock: { mode: lock } }),
        });
  if (row === null) {
    throw new AppError('NOT_FOUND', `There is no registered database ${id}.`, {
      remediation: 'List the databases to see which are registered.',
    });
  }
  return row;
}
