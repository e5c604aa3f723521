/** The files that make up a stored backup: the archive, and what lies beside it. Pure. */
import type { CompressionType } from '@holdfast/contracts/backups';
import type { BackupRow } from './backup.entity.ts';

const compressionSuffixes: Readonly<Record<CompressionType, string>> = {
  none: '',
  gzip: '.gz',
  zstd: '.zst',
};
const manifestSuffix = '.manifest.json';
const globalsSuffix = '.globals.sql';
const encryptedSuffix = '.age';
/** Where files that were made elsewhere wait to become backups. */
export const importFolder = 'imports';

export function compressionSuffix(type: CompressionType): string {
  return compressionSuffixes[type];
}

export function manifestPath(filePath: string): string {
  return `${filePath}${manifestSuffix}`;
}

/** Roles and tablespaces, compressed and encrypted as the archive is. */
export function globalsPath({
  filePath,
  compressionType,
  encryption,
}: Pick<BackupRow, 'filePath' | 'compressionType' | 'encryption'>): string {
  return `${filePath}${globalsSuffix}${compressionSuffix(compressionType)}${encryption === null ? '' : encryptedSuffix}`;
}

/** Every file that may be stored for a backup, the archive first. */
export function filesBeside(filePath: string): string[] {
  const globals = Object.values(compressionSuffixes).flatMap((suffix) =>
    ['', encryptedSuffix].map((encrypted) => `${filePath}${globalsSuffix}${suffix}${encrypted}`),
  );
  return [filePath, manifestPath(filePath), ...globals];
}

const beside = /\.(?:manifest\.json|globals\.sql(?:\.gz|\.zst)?(?:\.age)?)$/;

/** The archive that a file belongs to; the archive itself stands for itself. */
export function archiveOf(file: string): string {
  return file.replace(beside, '');
}
