/** The row of a drill. */
import type { DrillResult } from '@holdfast/contracts/drills';
import type { OperationStatus } from '@holdfast/contracts/operations';
import { generated, integer, json, nullable, text, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../operations/index.ts';

export interface DrillRow extends OperationRow {
  operationId: string;
  backupId: number;
  /** The copy to restore from; null for the backup itself. */
  copyId: string | null;
  status: OperationStatus;
  result: DrillResult | null;
}

export const DrillEntity = new EntitySchema<DrillRow>({
  name: 'Drill',
  tableName: 'drills',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    backupId: integer('backup_id'),
    copyId: nullable(uuid('copy_id')),
    status: generated(text('status')),
    result: nullable(json('result')),
    ...operationColumns,
  },
});
