/** Strategy: fill a database aside and, once it is proved, give it a name that no database has. */
import { AppError } from '@holdfast/contracts/errors';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { createScratchDatabase } from '@holdfast/platform/pgtools/scratch-database';
import { nameDatabase } from '@holdfast/platform/pgtools/swap-databases';
import type { OperationContext } from '../operations/index.ts';
import type { Completion } from '../operations/jobs.ts';
import { fillAside } from './fill-aside.ts';
import { type RestoreJob, startRestoreStep } from './restore-job.ts';
import { shadowPrefix } from './restore-names.ts';
import { hasExchanged, outcomeColumns } from './restore-outcome.ts';
import { beginExchange, dropShadow } from './restore-by-swap.ts';

export async function restoreByNewDatabase(context: OperationContext, job: RestoreJob): Promise<Completion> {
  const { attempt, ref, connect, deps } = context;
  const { maintenance, target, manifest } = job;
  const aside = { ...target, database: `${shadowPrefix(ref.id)}${attempt}` };
  context.onEnd(() => dropShadow(context, maintenance, aside.database));
  await withDatabase(maintenance, connect, async (session) => {
    const taken = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [target.database]);
    if (taken.length > 0) {
      throw new AppError('IN_USE', `There is a database "${target.database}" already.`, {
        remediation: 'Choose another name, or drop that database.',
      });
    }
    await createScratchDatabase(session, { name: aside.database, like: manifest.database });
  });
  await deps.reached('restore-created');
  await fillAside(context, job, aside);
  await startRestoreStep(context, 'commit');
  await beginExchange(context);
  await deps.reached('restore-exchanging');
  return async () => {
    await withDatabase(maintenance, connect, async (session) => {
      if (!(await hasExchanged(session, job.row))) {
        await nameDatabase(session, {
          from: aside.database,
          to: target.database,
          operationId: ref.id,
        });
        await deps.reached('restore-swap-committed');
      }
    });
    return outcomeColumns(context, job.row);
  };
}
