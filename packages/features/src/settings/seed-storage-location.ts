/** HOLDFAST_STORAGE holds until somebody has changed the settings; from then on the row is the truth. */
import type { EntityManager } from 'typeorm';

/** @returns whether the row says it now because of this call */
export async function seedStorageLocation(manager: EntityManager, location: string): Promise<boolean> {
  const [, count] = (await manager.query(
    `UPDATE backup_settings SET storage_location = $1 WHERE id = 1 AND updated_by IS NULL AND storage_location <> $1`,
    [location],
  )) as [unknown[], number];
  return count > 0;
}
