/** Strategy: everything in one transaction in the live database itself, checked inside it and committed by one word at its end. */
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import type { ReplayRules } from '@holdfast/platform/archive/replay-script';
import { type DatabaseSession, withDatabase } from '@holdfast/platform/pgtools/database-session';
import { OpenTransaction } from '@holdfast/platform/pgtools/open-transaction';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { pgRestoreScriptCommand } from '@holdfast/platform/pgtools/pg-restore';
import { restrictKey } from '@holdfast/platform/pgtools/psql';
import type { StoredArchive } from '../archives/index.ts';
import { storedArchive } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { type Completion, createScratchFolder } from '../operations/jobs.ts';
import { type Contents, planTables, planWhole } from './in-place-plan.ts';
import { canRestoreOwners, checkStoredFile, writeListFile } from './restore-archive.ts';
import { beginExchange } from './restore-by-swap.ts';
import { recordOnRow, type RestoreJob, restoreSteps, startRestoreStep } from './restore-job.ts';
import { hasCommitted, outcomeColumns } from './restore-outcome.ts';

export async function restoreInPlace(context: OperationContext, job: RestoreJob): Promise<Completion> {
  const { deps, connect } = context;
  const { row, manifest, client, target, thread, maintenance } = job;
  const archive = await storedArchive(deps, job.backup);
  await startRestoreStep(context, 'check');
  await checkStoredFile(context, { ...job, checkStep: restoreSteps.check }, archive);
  const { toScript, rules, contents } = await prepareScript(context, job, archive);
  const transaction = await OpenTransaction.start({ client, address: target, connect });
  const end = (): void => void transaction.close();
  context.signal.addEventListener('abort', end, { once: true });
  context.onEnd(() => transaction.close());
  await startRestoreStep(context, 'restore');
  context.progress.startStep(restoreSteps.restore, manifest.file.uncompressedBytes);
  const input = {
    archive,
    toScript,
    rules: { ...rules, ending: `${rules.ending}${transaction.question}` },
    writeFd: transaction.writeFd,
  };
  try {
    await thread.run('replayStored', input, {
      signal: context.signal,
      onProgress: context.progress.meter.addMoved,
    });
  } catch (error) {
    context.signal.throwIfAborted();
    // Where psql has ended, whoever fed it only lost its reader; a refusal of ours came before.
    throw error instanceof AppError ? error : ((await transaction.failure()) ?? error);
  }
  const transactionId = await transaction.ready();
  context.signal.throwIfAborted();
  await deps.reached('restore-restored');
  await recordOnRow(context, 'tables_restored = $3, rows_restored = $4', [
    contents.tables.length,
    row.restoreType === 'schema_only' ? 0 : contents.tables.reduce((sum, table) => sum + table.rows, 0),
  ]);
  await startRestoreStep(context, 'commit');
  await withDatabase(maintenance, connect, (session) => pinTransaction(session, context, transactionId));
  await beginExchange(context, { transactionId });
  await deps.reached('restore-exchanging');
  return async () => {
    const isDone = await withDatabase(maintenance, connect, (session) =>
      hasCommitted(session, transactionId),
    );
    if (!isDone) {
      await transaction.commit();
      await deps.reached('restore-swap-committed');
    }
    return outcomeColumns(context, row);
  };
}

/**
 * A server that crashes may give the number of a transaction that had written nothing durable to another one. So something is made
 * durable behind it first; if the transaction is there after that, its number is its own for ever.
 * @throws AppError CONNECTION_FAILED where the transaction has gone
 */
async function pinTransaction(
  session: DatabaseSession,
  { connect, ref }: OperationContext,
  transactionId: string,
): Promise<void> {
  await session.query('SET synchronous_commit = on');
  await session.query(`SELECT pg_logical_emit_message(true, 'holdfast', $1)`, [ref.id]);
  const alive = await session.query(
    'SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND backend_xid = $2::xid8::xid',
    [connect.applicationName, transactionId],
  );
  if (alive.length === 0) {
    throw new AppError('CONNECTION_FAILED', 'The transaction of the restore ended before it was committed.', {
      transient: true,
    });
  }
}

interface PreparedScript {
  readonly toScript: ReturnType<typeof pgRestoreScriptCommand>;
  readonly rules: ReplayRules & { readonly ending: string };
  /** What is there at the end, of what was restored. */
  readonly contents: Contents;
}

/** @throws AppError FILE_CORRUPTION, INSUFFICIENT_SPACE */
async function prepareScript(
  context: OperationContext,
  { row, backup, manifest, client, target, thread }: RestoreJob,
  archive: StoredArchive,
): Promise<PreparedScript> {
  const { signal, progress, connect } = context;
  const format = replayableFormat(backup.backupFormat);
  const withOwners = await withDatabase(target, connect, (session) =>
    canRestoreOwners(session, manifest.database.roles),
  );
  const touch = (): void => progress.meter.touch();
  const entries = await thread.run('readStoredEntries', archive, { signal, onProgress: touch });
  const { kept, contents, isClean, ...scripted } =
    row.plan.tables === null
      ? planWhole({ row, manifest, entries })
      : planTables({
          row,
          manifest,
          entries,
          tables: row.plan.tables,
          existing: await withDatabase(target, connect, (session) =>
            findTables(session, row.plan.tables ?? []),
          ),
        });
  const rules = { withOwners, skippedEntries: [], restrictKey: restrictKey(client), ...scripted };
  const folder = await createScratchFolder(context, {
    name: 'in-place',
    neededBytes: 0,
  });
  const listFile = path.join(folder, 'entries.list');
  await writeListFile(
    listFile,
    kept.map(({ dumpId }) => `${dumpId};`),
  );
  const toScript = pgRestoreScriptCommand({
    client,
    withOwners,
    isClean,
    listFile,
    input: { format },
  });
  return { toScript, rules, contents };
}

/** Those of them that the database has. */
async function findTables(
  session: DatabaseSession,
  tables: readonly QualifiedName[],
): Promise<QualifiedName[]> {
  return await session.query<{ schema: string; name: string }>(
    `SELECT nspname::text AS schema, relname::text AS name FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p')
       AND (nspname, relname) IN (SELECT * FROM jsonb_to_recordset($1::jsonb) AS wanted(schema text, name text))`,
    [JSON.stringify(tables)],
  );
}

/** @throws AppError INVALID_CONFIG */
function replayableFormat(format: RestoreJob['backup']['backupFormat']): 'custom' | 'tar' {
  if (format === 'custom' || format === 'tar') {
    return format;
  }
  throw new AppError(
    'INVALID_CONFIG',
    format === 'plain'
      ? 'A plain script makes everything anew and drops nothing: it cannot be replayed over what is there.'
      : 'A directory dump is restored by several connections, which share no transaction.',
    { remediation: 'Restore it by swap or into a new database.' },
  );
}
