/** Verifies one stored backup: manifest, size, both checksums, every byte of the archive, and every count and digest in it. */
import type { VerificationResult } from '@holdfast/contracts/verifications';
import { AppError } from '@holdfast/contracts/errors';
import type { Difference } from '@holdfast/contracts/drills';
import type { Clock } from '@holdfast/platform/clock';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { FoundArchive } from '../../archives/index.ts';
import type { StorageTargets } from '../../storage/index.ts';
import { storageOf } from '../backup-storage.ts';
import { compareContents } from '../compare-contents.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';
import { checkStoredManifest } from './check-stored-manifest.ts';

export interface VerifyDeps {
  readonly storage: StorageTargets;
  readonly secrets: SecretBox;
  readonly clock: Clock;
  /** Reads the file to its end. */
  readonly read: () => Promise<FoundArchive>;
}

/** @throws AppError FILE_CORRUPTION with file and offset or table, BACKUP_NOT_FOUND where no file has its name */
export async function verifyBackup(deps: VerifyDeps, backup: CompletedBackup): Promise<VerificationResult> {
  const startedMs = deps.clock.monotonicMs();
  await checkStoredManifest({ storage: storageOf(deps.storage, backup), secrets: deps.secrets }, backup);
  const found = await deps.read();
  const { contents } = found;
  const { manifest } = backup;
  const differences =
    contents === null
      ? []
      : compareContents({
          manifest,
          contents,
          isWholeDatabase: true,
          withOwners: true,
          skippedForeignKeys: 0,
        });
  const faults = faultsOf(backup, found, differences);
  if (faults.length > 0 || contents === null) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${backup.filename}: ${faults.join('; ')}. ${locate(backup, found, differences)}`,
    );
  }
  return {
    ...found.stored,
    uncompressedBytes: contents.bytes,
    objectsListed: contents.entries.length,
    tablesCompared: manifest.tables.length,
    rowsCompared: manifest.tables.reduce((sum, table) => sum + table.rows, 0),
    sequencesCompared: manifest.sequences.length,
    durationMs: Math.round(deps.clock.monotonicMs() - startedMs),
  };
}

/** What is not as the catalogue has it, each alone enough to condemn the file. */
function faultsOf(
  { manifest, ...row }: CompletedBackup,
  { stored, contents, damage }: FoundArchive,
  differences: readonly Difference[],
): string[] {
  const { file } = manifest;
  const expected: [string, unknown, unknown][] = [
    ['bytes', row.fileSize, stored.sizeBytes],
    ['MD5', row.checksumMd5, stored.md5],
    ['SHA-256', row.checksumSha256, stored.sha256],
    ['bytes in the manifest', file.sizeBytes, stored.sizeBytes],
    ['MD5 in the manifest', file.md5, stored.md5],
    ['SHA-256 in the manifest', file.sha256, stored.sha256],
    ['bytes uncompressed', file.uncompressedBytes, contents?.bytes ?? file.uncompressedBytes],
  ];
  const faults = expected
    .filter(([, right, actual]) => right !== actual)
    .map(([what, right, actual]) => `${what}: ${String(actual)}, right is ${String(right)}`);
  if (faults.length > 0) {
    return faults;
  }
  return damage === null && differences.length === 0 ? [] : ['its checksums are right, its contents are not'];
}

const maxNamed = 5;

/** Where the damage is, as exactly as it shows. */
function locate(
  { compressionType }: CompletedBackup,
  { damage, headBytes }: FoundArchive,
  differences: readonly Difference[],
): string {
  if (damage !== null) {
    return damage;
  }
  if (differences.length > 0) {
    const named = differences
      .slice(0, maxNamed)
      .map(({ kind, object, expected, actual }) => `${object} (${kind}: ${actual} instead of ${expected})`);
    const more = differences.length > maxNamed ? ` and ${differences.length - maxNamed} more` : '';
    const shown = `The damage shows in ${named.join(', ')}${more}`;
    return differences.some(({ kind }) => kind === 'rows' || kind === 'digest')
      ? `${shown}.`
      : `${shown}: before offset ${headBytes} of the archive, in its table of contents.`;
  }
  return compressionType === 'none'
    ? `Every row is as it was dumped: the damage lies before offset ${headBytes}, in the header or the table of contents, or in the lengths between rows.`
    : `Every row is as it was dumped: the damage lies before offset ${headBytes} of the archive, in its header or table of contents, or in what the compression adds at the start and end of the file.`;
}
