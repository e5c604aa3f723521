/** What was made elsewhere is read only by a client without known flaws, unless the person who knows where it comes from says otherwise. Pure. */
import { AppError } from '@holdfast/contracts/errors';
import { flawsOf, patchedRelease } from '@holdfast/platform/pgtools/client-flaws';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { BackupRow } from '../backups/index.ts';

/** Null where the client may read this backup. */
export function flawedClientError(
  { source, isManifestSigned }: Pick<BackupRow, 'source' | 'isManifestSigned'>,
  { version }: Pick<ClientPrograms, 'version'>,
): AppError | null {
  const flaws = flawsOf(version);
  const isForeign = source === 'imported' || !isManifestSigned;
  if (!isForeign || flaws.length === 0) {
    return null;
  }
  const ids = flaws.flatMap((flaw) => flaw.ids).join(', ');
  return new AppError(
    'VERSION_MISMATCH',
    `The backup was made elsewhere, and the client ${version} has known flaws (${ids}) that let such a file run code.`,
    {
      remediation: `Install ${patchedRelease(version) ?? 'a release of a newer major version'} on the workers, or, when you know where the file comes from, set allowUnpatchedClient.`,
    },
  );
}
