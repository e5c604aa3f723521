/** The row of a rebuild of the catalogue. */
import type { RebuildResult } from '@holdfast/contracts/catalog';
import type { OperationStatus } from '@holdfast/contracts/operations';
import { boolean, generated, json, nullable, text, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../../operations/index.ts';

export interface RebuildRow extends OperationRow {
  operationId: string;
  storageTarget: string;
  acceptUnsigned: boolean;
  status: OperationStatus;
  result: RebuildResult | null;
}

export const RebuildEntity = new EntitySchema<RebuildRow>({
  name: 'CatalogRebuild',
  tableName: 'catalog_rebuilds',
  columns: {
    operationId: { ...uuid('operation_id'), primary: true, generated: 'uuid' },
    storageTarget: text('storage_target'),
    acceptUnsigned: boolean('accept_unsigned'),
    status: generated(text('status')),
    result: nullable(json('result')),
    ...operationColumns,
  },
});
