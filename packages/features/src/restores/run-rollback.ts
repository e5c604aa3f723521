/** Job: run one attempt of a rollback. */
import { AppError } from '@holdfast/contracts/errors';
import type { OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { RollbackEntity } from './rollback.entity.ts';

export async function runRollback({ deps, ref }: OperationContext): Promise<Completion> {
  const { method } = await deps.source.manager.findOneByOrFail(RollbackEntity, { operationId: ref.id });
  throw new AppError('ROLLBACK_FAILED', `This worker cannot roll back by ${method}.`, {
    remediation: 'Nothing was touched. Update the worker.',
  });
}
