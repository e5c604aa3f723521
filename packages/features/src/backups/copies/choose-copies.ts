/** Where a backup is copied to in the same pass, and how many of these copies it needs. */
import type { EntityManager } from 'typeorm';
import { DatabaseEntity } from '../../databases/index.ts';
import { readSettings } from '../../settings/index.ts';
import type { StorageDriver, StorageTargets } from '../../storage/index.ts';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';

/**
 * Settled at the first attempt, beside the own target: what was asked for, else the database's, else the settings'.
 * A target named twice, or that the backup itself lies on, counts once.
 */
export async function chooseCopies(
  manager: EntityManager,
  targets: StorageTargets,
  row: Pick<BackupRow, 'id' | 'copies' | 'databaseId'>,
  primary: StorageDriver,
): Promise<StorageDriver[]> {
  const named = row.copies ?? (await configuredCopies(manager, row.databaseId));
  const chosen = new Set(named.map((target) => targets.canonical(target)));
  chosen.delete(primary.target);
  await manager.update(BackupEntity, { id: row.id }, { copies: [...chosen] });
  return [...chosen].map((target) => targets.open(target));
}

async function configuredCopies(manager: EntityManager, databaseId: number): Promise<string[]> {
  const database = await manager.findOneByOrFail(DatabaseEntity, { id: databaseId });
  return database.copies ?? (await readSettings(manager)).copies;
}

/** How many of so many copies have to be good. */
export function requiredCopies(
  { copyPolicy, minCopies }: Pick<BackupRow, 'copyPolicy' | 'minCopies'>,
  count: number,
): number {
  return copyPolicy === 'all' ? count : Math.min(minCopies, count);
}
