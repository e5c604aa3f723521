/** The row of a copy: the same stored bytes, under the same path, on another storage target. */
import type { CopyStatus } from '@holdfast/contracts/copies';
import type { ProofLevel } from '@holdfast/contracts/proof-levels';
import { bigint, generated, integer, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface BackupCopyRow {
  id: string;
  backupId: number;
  storageTarget: string;
  status: CopyStatus;
  /** Of the archive. */
  fileSize: number;
  /** As this target gave the archive back. */
  checksumSha256: string | null;
  proofLevel: ProofLevel | null;
  provedAt: Date | null;
  damagedAt: Date | null;
  damage: string | null;
  startedAt: Date | null;
  completedAt: Date | null;
  duration: number | null;
  errorMessage: string | null;
  errorCode: string | null;
  errorRemediation: string | null;
  retryCount: number;
  /** Goes on from the attempt of the backup, so that no two ever write one partial file. */
  attempt: number;
  createdBy: string | null;
  createdAt: Date;
  deletedAt: Date | null;
}

export const BackupCopyEntity = new EntitySchema<BackupCopyRow>({
  name: 'BackupCopy',
  tableName: 'backup_copies',
  columns: {
    id: { ...uuid('id'), primary: true, generated: 'uuid' },
    backupId: integer('backup_id'),
    storageTarget: text('storage_target'),
    status: generated(text('status')),
    fileSize: bigint('file_size'),
    checksumSha256: nullable(text('checksum_sha256')),
    proofLevel: nullable(text('proof_level')),
    provedAt: nullable(timestamp('proved_at')),
    damagedAt: nullable(timestamp('damaged_at')),
    damage: nullable(text('damage')),
    startedAt: nullable(timestamp('started_at')),
    completedAt: nullable(timestamp('completed_at')),
    duration: nullable(integer('duration')),
    errorMessage: nullable(text('error_message')),
    errorCode: nullable(text('error_code')),
    errorRemediation: nullable(text('error_remediation')),
    retryCount: generated(integer('retry_count')),
    attempt: generated(integer('attempt')),
    createdBy: nullable(uuid('created_by')),
    createdAt: generated(timestamp('created_at')),
    deletedAt: nullable(timestamp('deleted_at')),
  },
});
