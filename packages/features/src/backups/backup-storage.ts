/** Where a backup goes, and where one lies. */
import { AppError } from '@holdfast/contracts/errors';
import { type EntityManager, IsNull } from 'typeorm';
import { DatabaseEntity } from '../databases/index.ts';
import { readSettings } from '../settings/index.ts';
import type { StorageDriver, StorageTargets } from '../storage/index.ts';
import type { BackupRow } from './backup.entity.ts';

/** @throws AppError BACKUP_NOT_FOUND where no attempt has stored anything yet */
export function storageOf(
  targets: StorageTargets,
  row: Pick<BackupRow, 'id' | 'storageTarget'>,
): StorageDriver {
  if (row.storageTarget === null) {
    throw new AppError('BACKUP_NOT_FOUND', `Nothing of backup ${row.id} is stored.`);
  }
  return targets.open(row.storageTarget);
}

/**
 * Only a place that somebody with the right to do so has configured: a request can't send the bytes elsewhere.
 * @throws AppError INVALID_CONFIG
 */
export async function checkRequestedTarget(
  manager: EntityManager,
  targets: StorageTargets,
  requested: string,
): Promise<string> {
  const wanted = targets.canonical(requested);
  const settings = await readSettings(manager);
  const databases = await manager.find(DatabaseEntity, { where: { deletedAt: IsNull() } });
  const known = [settings, ...databases].flatMap(({ storageLocation, copies }) => [
    ...(storageLocation === null ? [] : [storageLocation]),
    ...(copies ?? []),
  ]);
  if (!known.some((location) => targets.canonical(location) === wanted)) {
    throw new AppError('INVALID_CONFIG', 'The storage target is none of those that are configured.', {
      remediation: `Use one of ${[...new Set(known)].join(', ')}, or add it to the settings or to a database.`,
    });
  }
  return wanted;
}

/**
 * Settles where the backup goes, at its first attempt: what was asked for, else the database's own storage, else the settings'.
 * On the row from then on, so that later attempts and whoever cleans up look in the same place.
 */
export async function chooseStorage(
  manager: EntityManager,
  targets: StorageTargets,
  row: Pick<BackupRow, 'id' | 'storageTarget' | 'databaseId'>,
): Promise<StorageDriver> {
  if (row.storageTarget !== null) {
    return targets.open(row.storageTarget);
  }
  const database = await manager.findOneByOrFail(DatabaseEntity, { id: row.databaseId });
  const location = database.storageLocation ?? (await readSettings(manager)).storageLocation;
  const storage = targets.open(location);
  const [rows] = (await manager.query(
    `UPDATE admin_backups SET storage_target = COALESCE(storage_target, $2) WHERE id = $1 RETURNING storage_target AS target`,
    [row.id, storage.target],
  )) as [{ target: string }[], number];
  return targets.open(rows[0]?.target ?? storage.target);
}

/** Every place where something of ours may lie, canonical: of backups, of databases, of the settings. */
export async function targetsInUse(manager: EntityManager, targets: StorageTargets): Promise<string[]> {
  // From one target to the next along the index: there may be a million backups, but only a few targets.
  const rows = (await manager.query(
    `WITH RECURSIVE used(target) AS (
       (SELECT storage_target FROM admin_backups WHERE status <> 'deleted' AND storage_target IS NOT NULL ORDER BY storage_target LIMIT 1)
       UNION ALL
       SELECT (SELECT storage_target FROM admin_backups
               WHERE status <> 'deleted' AND storage_target IS NOT NULL AND storage_target > used.target ORDER BY storage_target LIMIT 1)
       FROM used WHERE used.target IS NOT NULL)
     SELECT target FROM used WHERE target IS NOT NULL
     UNION SELECT storage_location FROM backup_settings
     UNION SELECT jsonb_array_elements_text(copies) FROM backup_settings
     UNION SELECT jsonb_array_elements_text(copies) FROM databases WHERE copies IS NOT NULL AND deleted_at IS NULL
     UNION SELECT storage_target FROM backup_copies WHERE status <> 'deleted'
     UNION SELECT jsonb_array_elements_text(copy_targets) FROM admin_backups
       WHERE copy_targets IS NOT NULL AND status IN ('pending', 'running', 'failed', 'cancelled')
     UNION SELECT storage_location FROM databases WHERE storage_location IS NOT NULL AND deleted_at IS NULL`,
  )) as { target: string }[];
  return [...new Set(rows.map(({ target }) => targets.canonical(target)))];
}
