/** Uploaded files between their first byte and the backup they become: each is on record before it is written, so that none is forgotten. */
import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { OperationDeps } from '../../operations/index.ts';
import type { PartialFile, StorageTargets } from '../../storage/index.ts';
import { importFolder } from '../stored-files.ts';

/** An upload that takes longer is broken off; one without a backup that is older is nobody's. */
export const uploadLimitMs = 24 * 3_600_000;
const forgottenAfter = `interval '25 hours'`;

export async function recordUpload(source: DataSource, storageTarget: string): Promise<PartialFile> {
  const path = `${importFolder}/upload-${randomUUID()}`;
  await source.query('INSERT INTO import_uploads (path, storage_target) VALUES ($1, $2)', [
    path,
    storageTarget,
  ]);
  return { path, attempt: 1 };
}

/** Removes the file, whether it is whole or not, and then its record. Harmless twice. */
export async function removeUpload(
  { source, storage }: { readonly source: DataSource | EntityManager; readonly storage: StorageTargets },
  storageTarget: string,
  path: string,
): Promise<void> {
  const driver = storage.open(storageTarget);
  await driver.removePartial({ path, attempt: 1 });
  await driver.remove(path);
  await source.query('DELETE FROM import_uploads WHERE path = $1', [path]);
}

/** Job: uploads whose backup has ended, one way or the other, and those that never became one. */
export async function sweepUploads(
  deps: Pick<OperationDeps, 'source' | 'storage' | 'logger'>,
): Promise<void> {
  const rows = (await deps.source.query(
    `SELECT path, storage_target AS target FROM import_uploads upload
     WHERE NOT EXISTS (SELECT 1 FROM admin_backups
         WHERE source = 'imported' AND status IN ('pending', 'running') AND import->>'path' = upload.path)
       AND (created_at < clock_timestamp() - ${forgottenAfter}
         OR EXISTS (SELECT 1 FROM admin_backups WHERE source = 'imported' AND import->>'path' = upload.path))`,
  )) as { path: string; target: string }[];
  for (const { path, target } of rows) {
    try {
      await removeUpload(deps, target, path);
      deps.logger.info({ target, path }, 'removed an uploaded file that is needed no longer');
    } catch (error) {
      deps.logger.warn({ error, target, path }, 'removing an upload failed; the next sweep tries again');
    }
  }
}
