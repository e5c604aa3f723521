/** The row of a rebuild of the catalogue. */
import type { RebuildResult, RebuildStatus } from '@holdfast/contracts/catalog';
import {
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

export interface RebuildRow {
  operationId: string;
  storageTarget: string;
  acceptUnsigned: boolean;
  status: RebuildStatus;
  startedAt: Date | null;
  completedAt: Date | null;
  duration: number | null;
  result: RebuildResult | null;
  errorMessage: string | null;
  errorCode: string | null;
  errorRemediation: string | null;
  retryCount: number;
  attempt: number;
  createdBy: string | null;
  createdAt: Date;
}

export const RebuildEntity = new EntitySchema<RebuildRow>({
  name: 'CatalogRebuild',
  tableName: 'catalog_rebuilds',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    storageTarget: text('storage_target'),
    acceptUnsigned: boolean('accept_unsigned'),
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
