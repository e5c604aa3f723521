/** Query: what a rollback would undo, and which tables have other numbers of rows than were restored. */
import type { RollbackPreview } from '@holdfast/contracts/rollbacks';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { quoteIdentifier } from '@holdfast/platform/pgtools/quote';
import { readRelations } from '@holdfast/platform/pgtools/relations';
import { findCompletedBackup } from '../backups/index.ts';
import { databaseAddress, findDatabase, type LookDeps, lookOptions } from '../databases/index.ts';
import { findRestore } from './list-restores.ts';
import { expectUndoable, rollbackMethod } from './request-rollback.ts';
import type { RestoreRow } from './restore.entity.ts';

type Written = RollbackPreview['writtenSince'];

/** @throws AppError NOT_FOUND, IN_USE where it can't be undone, CONNECTION_FAILED, TIMEOUT */
export async function previewRollback(deps: LookDeps, operationId: string): Promise<RollbackPreview> {
  const restore = await findRestore(deps.source.manager, operationId);
  await expectUndoable(deps.source.manager, restore);
  return {
    method: rollbackMethod(restore),
    expiresAt: restore.rollbackExpiresAt?.toISOString() ?? null,
    writtenSince: await readWritten(deps, restore),
  };
}

async function readWritten(deps: LookDeps, restore: RestoreRow): Promise<Written> {
  const { manifest } = await findCompletedBackup(deps.source.manager, restore.sourceBackupId);
  const row = await findDatabase(deps.source.manager, restore.databaseId);
  const address = { ...databaseAddress(row, deps.secrets), database: restore.targetDatabase };
  const restored = new Map(
    (restore.restoreType === 'schema_only' ? [] : manifest.tables).map(({ schema, name, rows }) => [
      JSON.stringify([schema, name]),
      rows,
    ]),
  );
  return await lookWithin(address, await lookOptions(deps), async (session) => {
    const found: Written = [];
    for (const { schema, name, kind, isOfExtension } of await readRelations(session)) {
      if (kind !== 'table' || isOfExtension) {
        continue;
      }
      const { rows } = await session.queryOne<{ rows: string }>(
        `SELECT count(*)::text AS rows FROM ONLY ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
      );
      const rowsRestored = restored.get(JSON.stringify([schema, name])) ?? null;
      if (Number(rows) !== (rowsRestored ?? 0)) {
        found.push({ schema, name, rowsRestored, rowsNow: Number(rows) });
      }
    }
    return found;
  });
}
