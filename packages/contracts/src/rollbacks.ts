/** Undoing a restore: what would be lost by it, and the operation that does it. */
import { type Static, Type } from '@sinclair/typebox';
import { operationFields, operationStatuses } from './operations.ts';
import { Reason } from './restores.ts';
import { Count, Nullable, OneOf, Timestamp } from './schema.ts';

/** The kept original swapped back; the safety backup restored; the new database dropped. */
export const rollbackMethods = ['swap_back', 'drop_database'] as const;
export type RollbackMethod = (typeof rollbackMethods)[number];

export const RollbackPreview = Type.Object(
  {
    method: OneOf(rollbackMethods),
    expiresAt: Nullable(Timestamp),
    writtenSince: Type.Array(
      Type.Object({
        schema: Type.String(),
        name: Type.String(),
        rowsRestored: Nullable(Count),
        rowsNow: Count,
      }),
      {
        description: 'Tables that no longer have the rows which were restored; equal counts may hide changes',
      },
    ),
  },
  { $id: 'RollbackPreview' },
);
export type RollbackPreview = Static<typeof RollbackPreview>;

export const RequestRollback = Type.Object({ reason: Reason }, { additionalProperties: false });

export const RollbackResult = Type.Object({
  method: OneOf(rollbackMethods),
  durationMs: Type.Integer(),
  /** The database that was live until then, under the name it has now; null where it is gone. */
  replacedDatabase: Nullable(Type.String()),
});
export type RollbackResult = Static<typeof RollbackResult>;

export const RollbackView = Type.Object(
  {
    operationId: Type.String(),
    restoreOperationId: Type.String(),
    method: OneOf(rollbackMethods),
    reason: Type.String(),
    status: OneOf(operationStatuses),
    ...operationFields,
    result: Nullable(RollbackResult),
  },
  { $id: 'Rollback' },
);
export type RollbackView = Static<typeof RollbackView>;
