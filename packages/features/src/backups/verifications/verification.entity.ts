/** The row of a verification. */
import type { VerificationResult, VerificationStatus } from '@holdfast/contracts/verifications';
import { generated, integer, json, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface VerificationRow {
  operationId: string;
  backupId: number;
  /** The copy to read; null for the backup itself. */
  copyId: string | null;
  status: VerificationStatus;
  startedAt: Date | null;
  completedAt: Date | null;
  duration: number | null;
  result: VerificationResult | null;
  errorMessage: string | null;
  errorCode: string | null;
  errorRemediation: string | null;
  retryCount: number;
  attempt: number;
  createdBy: string | null;
  createdAt: Date;
}

export const VerificationEntity = new EntitySchema<VerificationRow>({
  name: 'Verification',
  tableName: 'verifications',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    backupId: integer('backup_id'),
    copyId: nullable(uuid('copy_id')),
    status: generated(text('status')),
    startedAt: nullable(timestamp('started_at')),
    completedAt: nullable(timestamp('completed_at')),
    duration: nullable(integer('duration')),
    result: nullable(json('result')),
    errorMessage: nullable(text('error_message')),
    errorCode: nullable(text('error_code')),
    errorRemediation: nullable(text('error_remediation')),
    retryCount: generated(integer('retry_count')),
    attempt: generated(integer('attempt')),
    createdBy: nullable(uuid('created_by')),
    createdAt: generated(timestamp('created_at')),
  },
});
