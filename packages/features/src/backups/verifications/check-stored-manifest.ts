/** The manifest beside a backup: there, whole, signed by this installation, and the very one that the catalogue holds. */
import { AppError } from '@holdfast/contracts/errors';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { StorageDriver } from '../../storage/index.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';
import { isManifestAuthentic } from '../manifest-file.ts';
import { manifestPath } from '../stored-files.ts';
import { readStoredManifest } from '../stored-manifest.ts';

/** @throws AppError FILE_CORRUPTION */
export async function checkStoredManifest(
  { storage, secrets }: { storage: StorageDriver; secrets: SecretBox },
  backup: CompletedBackup,
): Promise<void> {
  const path = manifestPath(backup.filePath);
  const signed = await readStoredManifest(storage, path);
  if (backup.isManifestSigned && !isManifestAuthentic(signed, secrets)) {
    throw new AppError('FILE_CORRUPTION', `${path} was changed: its signature does not fit.`);
  }
  if (canonicalJson(signed.manifest) !== canonicalJson(backup.manifest)) {
    throw new AppError('FILE_CORRUPTION', `${path} is not the manifest of backup ${backup.id}.`);
  }
}
