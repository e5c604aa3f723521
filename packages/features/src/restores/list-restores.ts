/** Queries: a page of the restores, newest first; one of them; and how far one is. */
import { AppError } from '@holdfast/contracts/errors';
import type { ListRestoresQuery, RestoreProgress, RestoreStatus } from '@holdfast/contracts/restores';
import { type DataSource, type EntityManager, In } from 'typeorm';
import { type CurrentProgressDeps, pageOf, readCurrentProgress } from '../operations/index.ts';
import { RestoreEntity, type RestoreRow } from './restore.entity.ts';

/** @throws AppError VALIDATION_FAILED for a cursor that is none */
export async function listRestores(source: DataSource, query: ListRestoresQuery) {
  const builder = source.manager.createQueryBuilder(RestoreEntity, 'operation').where('true');
  for (const filter of ['status', 'restoreType', 'approvalStatus'] as const) {
    const values = query[filter];
    if (values !== undefined) {
      builder.andWhere({ [filter]: In(values) });
    }
  }
  for (const filter of ['sourceBackupId', 'databaseId'] as const) {
    const value = query[filter];
    if (value !== undefined) {
      builder.andWhere({ [filter]: value });
    }
  }
  return await pageOf(builder, query);
}

/** @throws AppError NOT_FOUND */
export async function findRestore(manager: EntityManager, operationId: string): Promise<RestoreRow> {
  const row = await manager.findOneBy(RestoreEntity, { operationId });
  if (row === null) {
    throw new AppError('NOT_FOUND', `There is no restore ${operationId}.`);
  }
  return row;
}

/** @throws AppError NOT_FOUND */
export async function readRestoreProgress(
  deps: CurrentProgressDeps,
  operationId: string,
): Promise<RestoreProgress> {
  const row = await findRestore(deps.source.manager, operationId);
  const progress = await readCurrentProgress(deps, { kind: 'restore', id: operationId });
  return {
    ...progress,
    operationId,
    status: progress.status as RestoreStatus,
    // Until a worker has it, the row knows better what it waits for.
    ...(progress.status === 'pending' && row.currentStep !== null ? { currentStep: row.currentStep } : {}),
    canRollback: row.canRollback,
  };
}
