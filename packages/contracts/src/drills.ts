/** Drills over HTTP: a backup restored into a scratch database and compared with its manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { operationFields, operationStatuses } from './operations.ts';
import { Count, ListOf, Nullable, OneOf } from './schema.ts';

export const Difference = Type.Object({
  kind: OneOf([
    'table_missing',
    'table_unexpected',
    'rows',
    'digest',
    'sequence',
    'large_objects',
    'constraint',
    'index',
    'object_missing',
    'object_unexpected',
  ]),
  object: Type.String(),
  expected: Type.String(),
  actual: Type.String(),
});
export type Difference = Static<typeof Difference>;

export const DrillResult = Type.Object({
  isEqual: Type.Boolean(),
  tablesCompared: Count,
  rowsCompared: Count,
  sequencesCompared: Count,
  constraintsChecked: Count,
  restoredDatabaseBytes: Count,
  restoreDurationMs: Type.Integer(),
  verifyDurationMs: Type.Integer(),
  ownersRestored: Type.Boolean({
    description:
      'False where roles of the archive are missing on the server, or the role may not act for them',
  }),
  skippedForeignKeys: Type.Array(Type.String(), {
    description: 'Foreign keys to tables that are not in the backup, or are there without rows',
  }),
  differences: Type.Array(Difference),
});
export type DrillResult = Static<typeof DrillResult>;

export const DrillView = Type.Object(
  {
    operationId: Type.String(),
    backupId: Type.Integer(),
    copyId: Nullable(Type.String({ description: 'The copy that was restored; null: the backup itself' })),
    status: OneOf(operationStatuses),
    ...operationFields,
    result: Nullable(DrillResult),
  },
  { $id: 'Drill' },
);
export type DrillView = Static<typeof DrillView>;

export const DrillList = ListOf(DrillView);
