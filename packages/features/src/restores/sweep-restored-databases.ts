/** Job: what restores leave on the servers: kept originals go once their time is over, never before; what a dead worker left goes at once. */
import { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { dropScratchDatabase, listScratchDatabases } from '@holdfast/platform/pgtools/scratch-database';
import { listMarked, maintenanceAddress, reopenClosed } from '@holdfast/platform/pgtools/swap-databases';
import { IsNull } from 'typeorm';
import { DatabaseEntity, databaseAddress } from '../databases/index.ts';
import type { OperationDeps } from '../operations/index.ts';
import { keptName, undoneName } from './restore-names.ts';

const shadow = /^holdfast_restore_([0-9a-f]{32})_(\d+)$/;
const connect = { applicationName: 'holdfast/sweep', connectTimeoutMs: 5_000 };

type SweepDeps = Pick<OperationDeps, 'source' | 'secrets' | 'logger'>;

export async function sweepRestoredDatabases(deps: SweepDeps): Promise<void> {
  for (const database of await deps.source.manager.findBy(DatabaseEntity, { deletedAt: IsNull() })) {
    // Not the registered database itself: it may be the very one that is closed.
    const registered = databaseAddress(database, deps.secrets);
    const address = await maintenanceAddress(registered, connect, [registered.database]);
    const session = await DatabaseSession.open(address, connect);
    try {
      await reopenAbandoned(deps, session);
      await dropAbandoned(deps, session);
      await dropKept(deps, session);
      await dropUndone(deps, session);
    } finally {
      await session.close();
    }
  }
}

/** Closed by an operation that has ended, and did not come to open it again. */
async function reopenAbandoned({ source, logger }: SweepDeps, session: DatabaseSession): Promise<void> {
  for (const { name, operationId } of await listMarked(session, 'closed')) {
    const [row] = (await source.query(
      `SELECT status IN ('completed', 'failed', 'cancelled') AS "isOver" FROM (
         SELECT operation_id, status FROM restore_operations UNION ALL SELECT operation_id, status FROM restore_rollbacks
       ) operation WHERE operation_id = $1`,
      [operationId],
    )) as { isOver: boolean }[];
    if (row?.isOver === true) {
      await reopenClosed(session, operationId);
      logger.warn(
        { database: name, operationId },
        'a database that an operation had closed takes connections again',
      );
    }
  }
}

/** Of this installation, and of no running attempt. A name of another installation has no row here and is left alone. */
async function dropAbandoned({ source, logger }: SweepDeps, session: DatabaseSession): Promise<void> {
  for (const name of await listScratchDatabases(session, 'holdfast_restore_')) {
    const [, id, attempt] = shadow.exec(name) ?? [];
    const [row] = (
      id === undefined
        ? []
        : await source.query(
            `SELECT status IN ('pre_backup', 'restoring') AND attempt = $2 AS "isRunning" FROM restore_operations WHERE operation_id = $1::uuid`,
            [id, Number(attempt)],
          )
    ) as { isRunning: boolean }[];
    if (row?.isRunning === false) {
      await dropScratchDatabase(session, name);
      logger.info({ database: name }, 'dropped a database that no restore fills any more');
    }
  }
}

/** First the row says that there is no way back, unless somebody is on it; then the original goes. */
async function dropKept({ source, logger }: SweepDeps, session: DatabaseSession): Promise<void> {
  for (const { name, operationId } of await listMarked(session, 'kept')) {
    if (name !== keptName(operationId)) {
      continue;
    }
    const [rows] = (await source.query(
      `UPDATE restore_operations restore SET can_rollback = false
       WHERE operation_id = $1 AND status = 'completed' AND rollback_expires_at <= clock_timestamp() AND NOT EXISTS (
         SELECT FROM restore_rollbacks WHERE restore_operation_id = $1 AND status IN ('pending', 'running'))
       RETURNING operation_id`,
      [operationId],
    )) as [unknown[], number];
    if (rows.length > 0) {
      await dropScratchDatabase(session, name);
      await source.query('UPDATE restore_operations SET kept_database = NULL WHERE operation_id = $1', [
        operationId,
      ]);
      logger.info(
        { database: name, operationId },
        'dropped the original of a restore whose rollback window is over',
      );
    }
  }
}

/** What was live until a rollback stays as long as an original would. */
async function dropUndone({ source, logger }: SweepDeps, session: DatabaseSession): Promise<void> {
  for (const { name, operationId } of await listMarked(session, 'undone')) {
    const rows = (await source.query(
      `SELECT 1 FROM restore_rollbacks, backup_settings settings WHERE operation_id = $1 AND status = 'completed'
         AND completed_at + settings.rollback_window_hours * interval '1 hour' <= clock_timestamp()`,
      [operationId],
    )) as unknown[];
    if (name === undoneName(operationId) && rows.length > 0) {
      await dropScratchDatabase(session, name);
      logger.info({ database: name, operationId }, 'dropped what a rollback had put aside');
    }
  }
}
