/** Command: the row of the backup that a restore takes of its target before it touches it. */
import type { EntityManager } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { readSettings } from '../settings/index.ts';
import type { BackupNaming } from './backup-path.ts';
import type { BackupRow } from './backup.entity.ts';
import { chooseExpiry } from './choose-expiry.ts';
import { insertUnlessTaken } from './request-backup.ts';

export interface SafetyBackup {
  readonly restoreOperationId: string;
  readonly databaseId: number;
  /** May be another database of that server than the registered one. */
  readonly databaseName: string;
  /** As the backup that is restored: what was worth encrypting still is. */
  readonly encryption: BackupRow['encryption'];
  readonly createdBy: string;
  readonly now: Date;
}

export async function insertSafetyBackup(
  manager: EntityManager,
  { restoreOperationId, now, ...given }: SafetyBackup,
): Promise<number> {
  const settings = await readSettings(manager);
  const [{ id }] = (await manager.query(`SELECT nextval('admin_backups_id_seq')::int AS id`)) as [
    { id: number },
  ];
  const row = {
    id,
    displayName: `Before restore ${restoreOperationId}`,
    description: null,
    backupType: 'full',
    source: 'pre_restore',
    backupFormat: 'custom',
    compressionType: 'zstd',
    compressionLevel: 3,
    jobs: 1,
    includedTables: [] as string[],
    includedSchemas: [] as string[],
    excludedTables: [] as string[],
    tags: [] as string[],
    isProtected: false,
    copies: [] as string[],
    copyPolicy: settings.copyPolicy,
    minCopies: settings.minCopies,
    expiresAt: chooseExpiry(undefined, settings.defaultRetentionDays, now),
    ...given,
  } as const;
  const naming: BackupNaming = { ...row, isEncrypted: row.encryption !== null, at: now };
  if (!(await insertUnlessTaken(manager, row, naming))) {
    await insertUnlessTaken(manager, row, { ...naming, uniqueId: id });
  }
  await recordAudit(manager, systemActor, {
    action: 'backup.create',
    subjectType: 'backup',
    subjectId: String(id),
    outcome: 'succeeded',
    after: { source: row.source, restoreOperationId, databaseName: row.databaseName },
  });
  return id;
}
