/** Drills over HTTP: a backup restored into a scratch database and compared with its manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, ListOf, Nullable, OneOf, pageQuery, Timestamp } from './schema.ts';

export const drillStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type DrillStatus = (typeof drillStatuses)[number];

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
    status: OneOf(drillStatuses),
    attempt: Type.Integer(),
    retryCount: Type.Integer(),
    createdBy: Nullable(Type.String()),
    createdAt: Timestamp,
    startedAt: Nullable(Timestamp),
    completedAt: Nullable(Timestamp),
    duration: Nullable(Type.Integer({ description: 'Seconds' })),
    result: Nullable(DrillResult),
    errorCode: Nullable(Type.String()),
    errorMessage: Nullable(Type.String()),
    errorRemediation: Nullable(Type.String()),
  },
  { $id: 'Drill' },
);
export type DrillView = Static<typeof DrillView>;

export const DrillAccepted = Type.Object({ operationId: Type.String(), message: Type.String() });
export const ListDrillsQuery = Type.Object(
  {
    ...pageQuery,
    backupId: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    status: Type.Optional(Type.Array(OneOf(drillStatuses))),
  },
  { additionalProperties: false },
);
export type ListDrillsQuery = Static<typeof ListDrillsQuery>;
export const DrillList = ListOf(DrillView);
