/** The options that a restore was confirmed with, from its row. Pure. */
import type { RestoreOptions } from '@holdfast/contracts/restores';
import type { RestoreRow } from './restore.entity.ts';

export function optionsOf(row: RestoreRow): RestoreOptions {
  const { plan } = row;
  return {
    sourceBackupId: row.sourceBackupId,
    displayName: row.displayName,
    restoreType: row.restoreType,
    strategy: row.strategy,
    targetDatabaseId: row.databaseId,
    targetDatabase: row.targetDatabase,
    createPreBackup: row.preBackupWaiverReason === null,
    includedTables: row.includedTables,
    excludedTables: row.excludedTables,
    includeIndexes: row.includeIndexes,
    includeConstraints: row.includeConstraints,
    includeTriggers: row.includeTriggers,
    allowUnpatchedClient: plan.allowUnpatchedClient,
    ...(row.copyId === null ? {} : { copyId: row.copyId }),
    ...(row.preBackupWaiverReason === null ? {} : { preBackupWaiverReason: row.preBackupWaiverReason }),
  };
}
