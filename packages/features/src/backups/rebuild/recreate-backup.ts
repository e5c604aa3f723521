/** Inserts the row that a manifest describes, unless the catalogue has it; a row that exists is never changed. */
import path from 'node:path';
import type { BackupSource } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { recordAudit, systemActor } from '../../audit/index.ts';
import { adoptDatabase } from '../../databases/index.ts';
import { BackupEntity, type BackupRow } from '../backup.entity.ts';
import type { BackupIds } from './backup-ids.ts';

export interface FoundBackup {
  readonly manifest: Manifest;
  readonly isSigned: boolean;
  readonly storageTarget: string;
  /** Of the rebuild. */
  readonly operationId: string;
}

export type Recreation =
  | { readonly outcome: 'recreated'; readonly newDatabase: string | null }
  | { readonly outcome: 'already-there' }
  | { readonly outcome: 'name-taken'; readonly detail: string };

/** Two rebuilds of one storage take turns, a backup at a time. */
const recreateLock = 7_301_060;

export async function recreateBackup(
  manager: EntityManager,
  found: FoundBackup,
  ids: BackupIds,
): Promise<Recreation> {
  await manager.query('SELECT pg_advisory_xact_lock($1)', [recreateLock]);
  const filePath = found.manifest.file.path;
  const filename = path.posix.basename(filePath);
  const other = await manager.findOne(BackupEntity, {
    where: { filename },
    select: { id: true, status: true, filePath: true, storageTarget: true },
  });
  if (other !== null) {
    const isSame =
      other.status !== 'deleted' &&
      other.filePath === filePath &&
      other.storageTarget === found.storageTarget;
    return isSame
      ? { outcome: 'already-there' }
      : {
          outcome: 'name-taken',
          detail: `Backup ${other.id} (${other.status}, in ${other.storageTarget ?? 'no storage'}) has the name.`,
        };
  }
  const database = await adoptDatabase(manager, found.manifest.database.name);
  const id = await ids.take(manager, found.manifest.backup.id);
  await manager.insert(BackupEntity, rowOf(found, { id, databaseId: database.id, filename }));
  await recordAudit(manager, systemActor, {
    action: 'backup.recreate',
    subjectType: 'backup',
    subjectId: String(id),
    outcome: 'succeeded',
    after: { filePath, storageTarget: found.storageTarget, rebuild: found.operationId },
  });
  return { outcome: 'recreated', newDatabase: database.isNew ? found.manifest.database.name : null };
}

function rowOf(
  { manifest, isSigned, storageTarget, operationId }: FoundBackup,
  given: Pick<BackupRow, 'id' | 'databaseId' | 'filename'>,
): QueryDeepPartialEntity<BackupRow> {
  const { backup, file, database, globals } = manifest;
  const startedAt = new Date(backup.startedAt);
  const completedAt = new Date(backup.completedAt);
  const source = backup.source ?? sourceOf(file.path);
  return {
    ...given,
    displayName: backup.displayName,
    description: backup.description ?? null,
    backupType: backup.backupType,
    source,
    filePath: file.path,
    fileSize: file.sizeBytes,
    checksumMd5: file.md5,
    checksumSha256: file.sha256,
    uncompressedSize: file.uncompressedBytes,
    compressionType: file.compression.type,
    compressionLevel: file.compression.level,
    encryption: file.encryption,
    databaseName: database.name,
    postgresVersion: database.serverVersion,
    backupFormat: backup.backupFormat,
    jobs: backup.jobs ?? 1,
    includedTables: backup.includedTables,
    includedSchemas: backup.includedSchemas,
    excludedTables: backup.excludedTables,
    excludedTableData: backup.excludedTableData ?? [],
    selectionPatterns: backup.selectionPatterns ?? false,
    includeGlobals: globals != null,
    includeRolePasswords: globals?.includesRolePasswords ?? false,
    status: 'completed',
    startedAt,
    completedAt,
    duration: Math.max(0, Math.ceil((completedAt.getTime() - startedAt.getTime()) / 1000)),
    createdAt: new Date(backup.createdAt ?? backup.startedAt),
    tags: backup.tags ?? [],
    attempt: backup.attempt,
    storageTarget,
    // A manifest tells of no copies.
    copies: [],
    manifest: manifest as QueryDeepPartialEntity<Manifest>,
    // Its size alone has been looked at: nobody has proved it here yet, so there is no time of proof.
    proofLevel: 'stored',
    provedAt: null,
    // Whether a person trusted an import is not in the manifest: asked again.
    isTrusted: isSigned && source !== 'imported',
    isManifestSigned: isSigned,
    isProtected: false,
    metadata: { rebuiltBy: operationId },
  };
}

/** Manifests of the first releases do not say it. */
function sourceOf(filePath: string): BackupSource {
  const [folder] = filePath.split('/');
  return folder === 'scheduled' ? 'scheduled' : folder === 'restore-checkpoints' ? 'pre_restore' : 'manual';
}
