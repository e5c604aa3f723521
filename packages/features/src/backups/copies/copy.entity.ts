/** The row of a copy: the same stored bytes, under the same path, on another storage target. */
import type { CopyStatus } from '@holdfast/contracts/copies';
import type { ProofLevel } from '@holdfast/contracts/proof-levels';
import { bigint, generated, integer, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../../operations/index.ts';

/** Its attempts go on from those of the backup, so that no two ever write one partial file. */
export interface BackupCopyRow extends OperationRow {
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
    ...operationColumns,
    deletedAt: nullable(timestamp('deleted_at')),
  },
});
