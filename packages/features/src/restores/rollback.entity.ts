/** The row of a rollback: a restore undone. */
import type { OperationStatus } from '@holdfast/contracts/operations';
import type { RollbackMethod, RollbackResult } from '@holdfast/contracts/rollbacks';
import { generated, json, nullable, text, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../operations/index.ts';

export interface RollbackRow extends OperationRow {
  operationId: string;
  restoreOperationId: string;
  targetKey: string;
  method: RollbackMethod;
  reason: string;
  status: OperationStatus;
  result: RollbackResult | null;
}

export const RollbackEntity = new EntitySchema<RollbackRow>({
  name: 'Rollback',
  tableName: 'restore_rollbacks',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    restoreOperationId: uuid('restore_operation_id'),
    targetKey: text('target_key'),
    method: text('method'),
    reason: text('reason'),
    status: generated(text('status')),
    result: nullable(json('result')),
    ...operationColumns,
  },
});
