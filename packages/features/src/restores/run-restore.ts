/** Job: run one attempt of a restore. */
import { AppError } from '@holdfast/contracts/errors';
import type { OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { RestoreEntity } from './restore.entity.ts';

export async function runRestore({ deps, ref }: OperationContext): Promise<Completion> {
  const { plan } = await deps.source.manager.findOneByOrFail(RestoreEntity, { operationId: ref.id });
  throw new AppError('RESTORE_FAILED', `This worker cannot restore by ${plan.strategy}.`, {
    remediation: 'Nothing was touched. Update the worker.',
  });
}
