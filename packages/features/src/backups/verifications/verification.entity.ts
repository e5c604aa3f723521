/** The row of a verification. */
import type { VerificationResult } from '@holdfast/contracts/verifications';
import type { OperationStatus } from '@holdfast/contracts/operations';
import { generated, integer, json, nullable, text, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../../operations/index.ts';

export interface VerificationRow extends OperationRow {
  operationId: string;
  backupId: number;
  /** The copy to read; null for the backup itself. */
  copyId: string | null;
  status: OperationStatus;
  result: VerificationResult | null;
}

export const VerificationEntity = new EntitySchema<VerificationRow>({
  name: 'Verification',
  tableName: 'verifications',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    backupId: integer('backup_id'),
    copyId: nullable(uuid('copy_id')),
    status: generated(text('status')),
    result: nullable(json('result')),
    ...operationColumns,
  },
});
