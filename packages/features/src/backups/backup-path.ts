/** Folders and file names of backups, as the specification has them. Pure. */
import type { BackupFormat, BackupSource, BackupType, CompressionType } from '@holdfast/contracts/backups';
import { compressionSuffix } from './stored-files.ts';

const formatSuffixes: Readonly<Record<BackupFormat, string>> = {
  custom: '.dump',
  plain: '.sql',
  tar: '.tar',
  directory: '.tar',
};

const maxDatabaseNameLength = 100;

export interface BackupNaming {
  readonly databaseName: string;
  readonly backupType: BackupType;
  readonly source: Extract<BackupSource, 'manual' | 'imported' | 'pre_restore'>;
  readonly backupFormat: BackupFormat;
  readonly compressionType: CompressionType;
  readonly isEncrypted: boolean;
  readonly at: Date;
  /** Added where another backup has the plain name already. */
  readonly uniqueId?: number;
}

/** For example `forum_full_2024-06-24_14-30-00.dump.gz`; times are UTC. */
export function backupFilename({
  databaseName,
  backupType,
  source,
  backupFormat,
  compressionType,
  isEncrypted,
  at,
  uniqueId,
}: BackupNaming): string {
  const stamp = at.toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
  const unique = uniqueId === undefined ? '' : `_${uniqueId}`;
  const suffix = `${formatSuffixes[backupFormat]}${compressionSuffix(compressionType)}${isEncrypted ? '.age' : ''}`;
  const kind = source === 'pre_restore' ? source : backupType;
  return `${safeName(databaseName)}_${kind}_${stamp}${unique}${suffix}`;
}

export function backupPath(naming: BackupNaming): string {
  const folder = naming.source === 'pre_restore' ? 'restore-checkpoints' : naming.source;
  return `${folder}/${backupFilename(naming)}`;
}

/** Up to the time stamp and what makes it unique; the attempt; the suffixes. A database's name may hold dots and stamps too. */
const parts = /^(.*_\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}(?:_\d+)?)(?:_attempt\d+)?((?:\.[a-z0-9]+)+)$/su;

/** Whether a file could be the archive of a backup of ours. */
export function isBackupPath(path: string): boolean {
  return parts.test(path);
}

/** The first attempt has the plain name; `forum_full_2024-06-24_14-30-00_attempt2.dump.gz` is of the second. */
export function pathOfAttempt(path: string, attempt: number): string {
  const [, stem, suffixes] = parts.exec(path) ?? [];
  if (stem === undefined || suffixes === undefined) {
    throw new Error('not the path of a backup that an attempt makes');
  }
  return `${stem}${attempt === 1 ? '' : `_attempt${attempt}`}${suffixes}`;
}

/** A database may be called anything; a file name may not lead elsewhere, hide itself or look like an option. */
function safeName(name: string): string {
  const safe = name
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}_.-]/gu, '_')
    .replace(/^[.-]+/, '_');
  return (
    Array.from(safe)
      .slice(0, maxDatabaseNameLength / 2)
      .join('') || '_'
  );
}
