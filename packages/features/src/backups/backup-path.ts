/** Folders and file names of backups, as the specification has them. Pure. */
import type { BackupFormat, BackupSource, BackupType, CompressionType } from '@holdfast/contracts/backups';

const formatSuffixes: Readonly<Record<BackupFormat, string>> = {
  custom: '.dump',
  plain: '.sql',
  tar: '.tar',
  directory: '.tar',
};
const compressionSuffixes: Readonly<Record<CompressionType, string>> = {
  none: '',
  gzip: '.gz',
  zstd: '.zst',
};
const maxDatabaseNameLength = 100;

export interface BackupNaming {
  readonly databaseName: string;
  readonly backupType: BackupType;
  readonly source: Extract<BackupSource, 'manual'>;
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
  backupFormat,
  compressionType,
  isEncrypted,
  at,
  uniqueId,
}: BackupNaming): string {
  const stamp = at.toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
  const unique = uniqueId === undefined ? '' : `_${uniqueId}`;
  const suffix = `${formatSuffixes[backupFormat]}${compressionSuffixes[compressionType]}${isEncrypted ? '.age' : ''}`;
  return `${safeName(databaseName)}_${backupType}_${stamp}${unique}${suffix}`;
}

export function backupPath(naming: BackupNaming): string {
  return `manual/${backupFilename(naming)}`;
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
