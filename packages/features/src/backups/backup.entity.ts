/** The row of a backup. */
import type { Anomaly } from '@holdfast/contracts/anomalies';
import type {
  BackupEncryption,
  BackupFormat,
  BackupSource,
  BackupStatus,
  BackupType,
  CompressionType,
} from '@holdfast/contracts/backups';
import type { CopyPolicy } from '@holdfast/contracts/copies';
import type { ProofLevel } from '@holdfast/contracts/proof-levels';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { InnerCompression } from '@holdfast/platform/archive/archive-header';
import {
  bigint,
  boolean,
  generated,
  integer,
  json,
  nullable,
  text,
  timestamp,
  uuid,
} from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../operations/index.ts';

export interface BackupRow extends OperationRow {
  id: number;
  filename: string;
  displayName: string;
  description: string | null;
  backupType: BackupType;
  source: BackupSource;
  /** Relative to the storage target. */
  filePath: string;
  fileSize: number;
  checksumMd5: string | null;
  checksumSha256: string | null;
  uncompressedSize: number | null;
  compressionType: CompressionType;
  compressionLevel: number | null;
  databaseName: string;
  postgresVersion: string | null;
  backupFormat: BackupFormat;
  /** Tables dumped at once, with the format directory. */
  jobs: number;
  includedTables: string[];
  includedSchemas: string[];
  excludedTables: string[];
  excludedTableData: string[];
  selectionPatterns: boolean;
  includeGlobals: boolean;
  includeRolePasswords: boolean;
  status: BackupStatus;
  expiresAt: Date | null;
  isProtected: boolean;
  tags: string[];
  metadata: Record<string, unknown>;
  databaseId: number;
  scheduleId: number | null;
  scheduledFor: Date | null;
  encryption: BackupEncryption | null;
  /** URL of where the bytes lie; null until an attempt has chosen. */
  storageTarget: string | null;
  /** Targets that a pass copies to; null until an attempt has chosen. */
  copies: string[] | null;
  copyPolicy: CopyPolicy;
  minCopies: number;
  /** What a running attempt is expected to write. */
  estimatedBytes: number | null;
  manifest: Manifest | null;
  proofLevel: ProofLevel | null;
  provedAt: Date | null;
  /** When its file was found damaged, and how; null again once a verification finds it whole. */
  damagedAt: Date | null;
  damage: string | null;
  /** Where it differs from this database's history. */
  anomalies: Anomaly[];
  /** It has anomalies and nobody has accepted them. */
  isAnomalous: boolean;
  anomaliesAcceptedAt: Date | null;
  anomaliesAcceptedBy: string | null;
  anomaliesAcceptedReason: string | null;
  /** False until somebody has said that what is in it may be restored: of what was made elsewhere. */
  isTrusted: boolean;
  /** False where another installation, or nobody, signed the manifest beside the file. */
  isManifestSigned: boolean;
  /** The file it is made from, while it waits to be; only of imported ones. */
  import: ImportOrigin | null;
  deletedAt: Date | null;
}

export interface ImportOrigin {
  /** In the storage target, in the folder of imports. */
  readonly path: string;
  /** As whoever sent it calls it. */
  readonly fileName: string;
  /** True where it goes once it has become a backup. */
  readonly isUpload: boolean;
  readonly wrapping: CompressionType;
  readonly innerCompression: InnerCompression;
  /** Of the pg_dump that made it, as its head says; empty where it does not. */
  readonly dumpVersion: string;
  readonly allowUnpatchedClient: boolean;
}

export const BackupEntity = new EntitySchema<BackupRow>({
  name: 'Backup',
  tableName: 'admin_backups',
  columns: {
    // Drawn from the sequence before the insert, since the file's name may need it.
    id: { ...integer('id'), primary: true },
    filename: text('filename'),
    displayName: text('display_name'),
    description: nullable(text('description')),
    backupType: text('backup_type'),
    source: text('source'),
    filePath: text('file_path'),
    fileSize: generated(bigint('file_size')),
    checksumMd5: nullable(text('checksum_md5')),
    checksumSha256: nullable(text('checksum_sha256')),
    uncompressedSize: nullable(bigint('uncompressed_size')),
    compressionType: text('compression_type'),
    compressionLevel: nullable(integer('compression_level')),
    databaseName: text('database_name'),
    postgresVersion: nullable(text('postgres_version')),
    backupFormat: text('backup_format'),
    jobs: integer('jobs'),
    includedTables: json('included_tables'),
    includedSchemas: json('included_schemas'),
    excludedTables: json('excluded_tables'),
    excludedTableData: generated(json('excluded_table_data')),
    selectionPatterns: generated(boolean('selection_patterns')),
    includeGlobals: generated(boolean('include_globals')),
    includeRolePasswords: generated(boolean('include_role_passwords')),
    status: generated(text('status')),
    ...operationColumns,
    expiresAt: nullable(timestamp('expires_at')),
    isProtected: boolean('is_protected'),
    tags: json('tags'),
    metadata: generated(json('metadata')),
    databaseId: integer('database_id'),
    scheduleId: nullable(integer('schedule_id')),
    scheduledFor: nullable(timestamp('scheduled_for')),
    encryption: nullable(json('encryption')),
    storageTarget: nullable(text('storage_target')),
    copies: nullable(json('copy_targets')),
    copyPolicy: generated(text('copy_policy')),
    minCopies: generated(integer('min_copies')),
    estimatedBytes: nullable(bigint('estimated_bytes')),
    // Megabytes for a database of many tables: read only where it is asked for by name.
    manifest: { ...nullable(json('manifest')), select: false },
    proofLevel: nullable(text('proof_level')),
    provedAt: nullable(timestamp('proved_at')),
    damagedAt: nullable(timestamp('damaged_at')),
    damage: nullable(text('damage')),
    anomalies: generated(json('anomalies')),
    isAnomalous: { ...generated(boolean('is_anomalous')), update: false },
    anomaliesAcceptedAt: nullable(timestamp('anomalies_accepted_at')),
    anomaliesAcceptedBy: nullable(uuid('anomalies_accepted_by')),
    anomaliesAcceptedReason: nullable(text('anomalies_accepted_reason')),
    isTrusted: generated(boolean('is_trusted')),
    isManifestSigned: generated(boolean('is_manifest_signed')),
    import: nullable(json('import')),
    deletedAt: nullable(timestamp('deleted_at')),
  },
});
