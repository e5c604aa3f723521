/** Job: drop scratch databases of drills that no running attempt uses: what a killed worker left behind. */
import { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { dropScratchDatabase, listScratchDatabases } from '@holdfast/platform/pgtools/scratch-database';
import { IsNull } from 'typeorm';
import { DatabaseEntity, databaseAddress } from '../databases/index.ts';
import type { OperationDeps } from '../operations/index.ts';

const pattern = /^holdfast_drill_([0-9a-f]{32})_(\d+)$/;
const connectTimeoutMs = 5_000;

export async function sweepScratchDatabases(
  deps: Pick<OperationDeps, 'source' | 'secrets' | 'logger'>,
): Promise<void> {
  for (const database of await deps.source.manager.findBy(DatabaseEntity, { deletedAt: IsNull() })) {
    const session = await DatabaseSession.open(databaseAddress(database, deps.secrets), {
      applicationName: 'holdfast/sweep',
      connectTimeoutMs,
    });
    try {
      for (const name of await listScratchDatabases(session, 'holdfast_drill_')) {
        if (!(await isInUse(deps, name))) {
          await dropScratchDatabase(session, name);
          deps.logger.info({ database: name }, 'dropped a scratch database that no drill uses any more');
        }
      }
    } finally {
      await session.close();
    }
  }
}

/** Of this installation and running. A name of another installation on the same server has no row here and is left alone. */
async function isInUse({ source }: Pick<OperationDeps, 'source'>, name: string): Promise<boolean> {
  const [, id, attempt] = pattern.exec(name) ?? [];
  if (id === undefined) {
    return true;
  }
  const [row] = (await source.query(
    `SELECT status = 'running' AND attempt = $2 AS "isRunning" FROM drills WHERE operation_id = $1::uuid`,
    [id, Number(attempt)],
  )) as { isRunning: boolean }[];
  return row?.isRunning ?? true;
}
