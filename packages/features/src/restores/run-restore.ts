/** Job: run one attempt of a restore: safety backup, the strategy that was confirmed, and its end. */
import { AppError } from '@holdfast/contracts/errors';
import { chooseClient } from '@holdfast/platform/pgtools/client-programs';
import { DatabaseSession, withDatabase } from '@holdfast/platform/pgtools/database-session';
import { dropScratchDatabase, listScratchDatabases } from '@holdfast/platform/pgtools/scratch-database';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { maintenanceAddress, reopenClosed } from '@holdfast/platform/pgtools/swap-databases';
import { startArchiveThread } from '../archives/index.ts';
import { findStoredBackup, refuseUntrusted } from '../backups/index.ts';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import { type Completion, watchServer } from '../operations/jobs.ts';
import { flawedClientError } from './flawed-client.ts';
import { recordOnRow, type RestoreJob } from './restore-job.ts';
import { shadowPrefix } from './restore-names.ts';
import { RestoreEntity, type RestoreRow } from './restore.entity.ts';
import { restoreByNewDatabase } from './restore-by-new-database.ts';
import { restoreInPlace } from './restore-in-place.ts';
import { completeExchange, restoreBySwap } from './restore-by-swap.ts';
import { hasExchanged } from './restore-outcome.ts';
import { takeSafetyBackup } from './take-safety-backup.ts';

export async function runRestore(context: OperationContext): Promise<Completion> {
  const { deps, ref, connect } = context;
  const row = await deps.source.manager.findOneByOrFail(RestoreEntity, { operationId: ref.id });
  const { plan } = row;
  const registered = databaseAddress(
    await findDatabase(deps.source.manager, plan.target.databaseId),
    deps.secrets,
  );
  const target = { ...registered, database: plan.target.database };
  const maintenance = await maintenanceAddress(target, connect, [target.database]);
  const server = await DatabaseSession.open(maintenance, connect);
  context.onEnd(() => server.close());
  await removeLeftovers(context, server);
  // What an attempt before this one did is read from the server, never guessed.
  if (await hasExchanged(server, row)) {
    await recordOnRow(
      context,
      `status = 'restoring', restore_started_at = COALESCE(restore_started_at, started_at)`,
    );
    return completeExchange(context, { row, target, maintenance });
  }
  await forgetExchange(context, row);
  context.onEnd(async (isCompleted) => {
    if (!isCompleted) {
      await withDatabase(maintenance, connect, (session) =>
        terminateBackends(session, connect.applicationName),
      );
    }
  });
  const job = await prepareJob(context, { row, target, maintenance, server });
  const watch = watchServer(context, maintenance);
  try {
    if (row.createPreBackup && plan.target.exists && plan.strategy !== 'new_database') {
      await takeSafetyBackup(context, job);
    }
    await recordOnRow(context, `status = 'restoring', restore_started_at = clock_timestamp()`);
    return await carryOut(context, job);
  } catch (error) {
    await recordOnRow(context, 'error_step = current_step').catch((cause: unknown) =>
      context.logger.debug({ error: cause }, 'the step that failed could not be recorded'),
    );
    throw watch.explain(error);
  } finally {
    await watch.stop();
  }
}

async function carryOut(context: OperationContext, job: RestoreJob): Promise<Completion> {
  switch (job.row.plan.strategy) {
    case 'swap':
      return await restoreBySwap(context, job);
    case 'new_database':
      return await restoreByNewDatabase(context, job);
    case 'in_place':
      return await restoreInPlace(context, job);
  }
}

interface Prepared extends Pick<RestoreJob, 'row' | 'target' | 'maintenance'> {
  readonly server: DatabaseSession;
}

/** @throws AppError BACKUP_NOT_FOUND, APPROVAL_REQUIRED, INVALID_CONFIG */
async function prepareJob(
  context: OperationContext,
  { row, target, maintenance, server }: Prepared,
): Promise<RestoreJob> {
  const { deps } = context;
  const backup = await findStoredBackup(deps.source.manager, row.sourceBackupId, row.copyId);
  refuseUntrusted(backup);
  const { server_version } = await server.queryOne<{ server_version: string }>('SHOW server_version');
  const client = chooseClient(await deps.findClients(), server_version);
  // Of this machine: what validated the restore may have another one.
  const flawed = flawedClientError(backup, client);
  if (flawed !== null && !row.plan.allowUnpatchedClient) {
    throw flawed;
  }
  const thread = startArchiveThread();
  context.onEnd(() => thread.close());
  return { row, backup, manifest: backup.manifest, thread, client, target, maintenance };
}

/** What an attempt before this one left: its sessions, a live database that it closed, what it was filling. */
async function removeLeftovers(
  { deps, ref, connect }: OperationContext,
  server: DatabaseSession,
): Promise<void> {
  await terminateBackends(server, applicationNamePrefix(deps.installation, ref), connect.applicationName);
  await reopenClosed(server, ref.id);
  for (const name of await listScratchDatabases(server, shadowPrefix(ref.id))) {
    await dropScratchDatabase(server, name);
  }
}

/** An attempt before this one was about to exchange the databases and did not come to it: this is where it ends without a retry left. */
async function forgetExchange(context: OperationContext, row: RestoreRow): Promise<void> {
  if (row.metadata['exchangeBegunAt'] === undefined) {
    return;
  }
  await recordOnRow(context, `metadata = metadata - 'exchangeBegunAt' - 'transactionId'`);
  if (row.retryCount > context.settings.maxRetries) {
    throw new AppError(
      'STALLED',
      `The worker died before anything had changed; "${row.targetDatabase}" is as it was.`,
      { transient: false },
    );
  }
}
