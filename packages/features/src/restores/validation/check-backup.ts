/** Query: whether the backup's file is there and is what its manifest says, as far as can be told while somebody waits. */
import { AppError } from '@holdfast/contracts/errors';
import type { Check, Finding } from '@holdfast/contracts/restores';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import { startArchiveThread } from '../../archives/index.ts';
import {
  type CompletedBackup,
  isManifestAuthentic,
  lookAtFile,
  manifestPath,
  readStoredManifest,
  refuseUntrusted,
  sayBytes,
  storageOf,
  storedArchive,
  type StoredArchiveDeps,
} from '../../backups/index.ts';
import { finding, findingOf } from './finding.ts';

export interface CheckBackupDeps extends StoredArchiveDeps {
  readonly secrets: SecretBox;
}

export interface BackupChecks {
  readonly lastModified: string | null;
  readonly checks: Check[];
  readonly blockers: Finding[];
  readonly warnings: Finding[];
}

/** Read whole in well under a second. The worker reads every file whole before it touches anything. */
const cheapBytes = 64 * 1024 * 1024;

export async function checkBackup(deps: CheckBackupDeps, backup: CompletedBackup): Promise<BackupChecks> {
  const found: BackupChecks = { lastModified: null, checks: [], blockers: [], warnings: [] };
  checkRow(backup, found);
  const file = await lookAtFile(deps.storage, backup);
  if (file?.exists !== true) {
    fail(found, 'file', missing(backup, file?.errorCode ?? null));
    return found;
  }
  if (file.matchesSize !== true) {
    fail(
      found,
      'file',
      finding(
        'FILE_CORRUPTION',
        `${backup.filename} has ${file.sizeBytes} bytes; ${backup.fileSize} were stored.`,
      ),
    );
    return { ...found, lastModified: file.lastModified };
  }
  found.checks.push({
    name: 'file',
    status: 'passed',
    detail: `There, with its ${sayBytes(backup.fileSize)}`,
  });
  await checkManifest(deps, backup, found);
  await checkChecksum(deps, backup, found);
  return { ...found, lastModified: file.lastModified };
}

function missing({ id, filename }: CompletedBackup, errorCode: string | null): Finding {
  return errorCode === null
    ? finding('BACKUP_NOT_FOUND', `The file ${filename} of backup ${id} is not in its storage any more.`, {
        remedy: 'Choose another backup or a copy, and find out who removed the file.',
      })
    : finding('STORAGE_UNAVAILABLE', `The storage of backup ${id} does not answer (${errorCode}).`);
}

/** What the catalogue itself has against it. */
function checkRow(backup: CompletedBackup, found: BackupChecks): void {
  try {
    refuseUntrusted(backup);
  } catch (error) {
    fail(found, 'trust', findingOf(error as AppError));
  }
  if (backup.damagedAt !== null) {
    fail(
      found,
      'damage',
      finding(
        'FILE_CORRUPTION',
        `Backup ${backup.id} was found damaged: ${backup.damage ?? 'its file differs'}.`,
        {
          remedy: 'Choose another backup or a copy of this one.',
        },
      ),
    );
  }
  if (backup.isAnomalous) {
    found.warnings.push(
      finding(
        'VALIDATION_FAILED',
        `Backup ${backup.id} differs from this database's history: ${backup.anomalies[0]?.sentence ?? 'see its anomalies'}`,
        { remedy: 'Look whether it holds what you expect before you restore it.' },
      ),
    );
  }
}

async function checkManifest(
  { storage, secrets }: CheckBackupDeps,
  backup: CompletedBackup,
  found: BackupChecks,
): Promise<void> {
  try {
    const signed = await readStoredManifest(storageOf(storage, backup), manifestPath(backup.filePath));
    const isOurs = isManifestAuthentic(signed, secrets) || !backup.isManifestSigned;
    if (!isOurs || canonicalJson(signed.manifest) !== canonicalJson(backup.manifest)) {
      throw new AppError(
        'FILE_CORRUPTION',
        `The manifest beside ${backup.filename} is not the one that was stored.`,
      );
    }
    found.checks.push({
      name: 'manifest',
      status: 'passed',
      detail: 'The one beside the file carries a good signature and equals that of the catalogue',
    });
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    fail(found, 'manifest', findingOf(error));
  }
}

async function checkChecksum(
  deps: CheckBackupDeps,
  backup: CompletedBackup,
  found: BackupChecks,
): Promise<void> {
  const proof = `proved to level "${backup.proofLevel}" at ${backup.provedAt?.toISOString() ?? 'an unknown time'}`;
  if (backup.fileSize > cheapBytes) {
    found.checks.push({
      name: 'checksum',
      status: 'skipped',
      detail: `Not read again now; ${proof}. The restore reads it whole before it touches anything`,
    });
    return;
  }
  const thread = startArchiveThread();
  try {
    const { sha256 } = await thread.run('hashStored', await storedArchive(deps, backup), {
      signal: AbortSignal.timeout(20_000),
      onProgress: () => undefined,
    });
    if (sha256 !== backup.checksumSha256) {
      throw new AppError('FILE_CORRUPTION', `${backup.filename} has another SHA-256 than what was stored.`);
    }
    found.checks.push({
      name: 'checksum',
      status: 'passed',
      detail: `Read again now: SHA-256 is right; ${proof}`,
    });
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    fail(found, 'checksum', findingOf(error));
  } finally {
    await thread.close();
  }
}

function fail(found: BackupChecks, name: string, blocker: Finding): void {
  found.checks.push({ name, status: 'failed', detail: blocker.detail });
  found.blockers.push(blocker);
}
