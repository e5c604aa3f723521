/** Restores a stored backup into an empty database: checksum first, errors fatal. */
import { writeFile } from 'node:fs/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { EntryKey } from '@holdfast/platform/archive/replay-script';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import type { ArchiveThread, StoredSource } from '../archives/index.ts';
import { type BackupRow, storedArchive } from '../backups/index.ts';
import type { OperationContext } from '../operations/index.ts';
import type { StepShare } from '../progress/index.ts';
import { restoreByFormat } from './restore-by-format.ts';

export interface RestoreArchiveOptions {
  readonly thread: ArchiveThread;
  readonly backup: BackupRow;
  readonly manifest: Manifest;
  readonly client: ClientPrograms;
  /** An empty database. */
  readonly scratch: DatabaseAddress;
  readonly withOwners: boolean;
  readonly checkStep: StepShare;
  readonly restoreStep: StepShare;
  /** A private file with the entries to restore; null for all of them. */
  readonly listFile: string | null;
  /** What of a script is not replayed. */
  readonly skippedEntries: readonly EntryKey[];
}

/** @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND, RESTORE_FAILED and what the server says */
export async function restoreArchive(
  context: OperationContext,
  options: RestoreArchiveOptions,
): Promise<void> {
  const archive = await storedArchive(context.deps, options.backup);
  await checkStoredFile(context, options, archive);
  await restoreByFormat(context, options, archive);
}

/** The bytes that the manifest speaks of, or nothing is restored. */
export async function checkStoredFile(
  context: OperationContext,
  {
    backup,
    manifest,
    checkStep,
    thread,
  }: Pick<RestoreArchiveOptions, 'backup' | 'manifest' | 'checkStep' | 'thread'>,
  source: StoredSource,
): Promise<void> {
  const { progress, signal } = context;
  progress.startStep(checkStep, manifest.file.sizeBytes);
  const found = await thread.run('hashStored', source, { signal, onProgress: progress.meter.addMoved });
  const isStored = found.sha256 === backup.checksumSha256 && found.sizeBytes === backup.fileSize;
  if (!isStored || found.sha256 !== manifest.file.sha256) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${backup.filename} has ${found.sizeBytes} bytes and SHA-256 ${found.sha256}; ${backup.fileSize} bytes and ${backup.checksumSha256} were stored.`,
    );
  }
  if (manifest.globals != null) {
    await checkGlobals(context, thread, { ...source, path: manifest.globals.path }, manifest.globals);
  }
}

/** They are not restored, but are part of what the backup promises. */
async function checkGlobals(
  { signal, progress }: OperationContext,
  thread: ArchiveThread,
  source: StoredSource,
  expected: NonNullable<Manifest['globals']>,
): Promise<void> {
  const found = await thread.run('hashStored', source, { signal, onProgress: () => progress.meter.touch() });
  if (found.sha256 !== expected.sha256 || found.sizeBytes !== expected.sizeBytes) {
    throw new AppError(
      'FILE_CORRUPTION',
      `${expected.path} has ${found.sizeBytes} bytes and SHA-256 ${found.sha256}; ${expected.sizeBytes} bytes and ${expected.sha256} were stored.`,
    );
  }
}

/** Owners and grants are restored where every role is there and this role may act for them all. */
export async function canRestoreOwners(session: DatabaseSession, roles: readonly string[]): Promise<boolean> {
  const { missing, is_superuser } = await session.queryOne<{ missing: number; is_superuser: boolean }>(
    `SELECT (SELECT count(*)::int FROM unnest($1::text[]) AS role(name) WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role.name)) AS missing,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser`,
    [roles],
  );
  return is_superuser && missing === 0;
}

/** Private, since names of tables are in it. */
export async function writeListFile(file: string, lines: readonly string[]): Promise<void> {
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
}
