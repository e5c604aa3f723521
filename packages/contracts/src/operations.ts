/** What backups, restores, drills and the other operations have in common: kinds and the newest progress of one. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable, OneOf, pageQuery, Timestamp } from './schema.ts';

export const operationKinds = [
  'backup',
  'drill',
  'verify',
  'copy',
  'rebuild',
  'restore',
  'rollback',
] as const;
export type OperationKind = (typeof operationKinds)[number];

/** Names one operation: the row's id of a backup, the id of a copy, the operation id of the others. */
export interface OperationRef {
  readonly kind: OperationKind;
  readonly id: string;
}

/** Of drills, verifications, rebuilds and rollbacks: nothing of them is deleted. */
export const operationStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type OperationStatus = (typeof operationStatuses)[number];

/** Of what lies in storage afterwards: backups and copies. */
export const storedStatuses = [...operationStatuses, 'deleting', 'deleted'] as const;

/** What every operation's row tells of its course. */
export const operationFields = {
  attempt: Type.Integer(),
  retryCount: Type.Integer(),
  createdBy: Nullable(Type.String()),
  createdAt: Timestamp,
  startedAt: Nullable(Timestamp),
  completedAt: Nullable(Timestamp),
  duration: Nullable(Type.Integer({ description: 'Seconds' })),
  errorCode: Nullable(Type.String()),
  errorMessage: Nullable(Type.String()),
  errorRemediation: Nullable(Type.String()),
};

export const OperationAccepted = Type.Object({ operationId: Type.String(), message: Type.String() });
export type OperationAccepted = Static<typeof OperationAccepted>;

/** Of the lists of drills and verifications, newest first. */
export const ListOperationsQuery = Type.Object(
  {
    ...pageQuery,
    backupId: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    status: Type.Optional(Type.Array(OneOf(operationStatuses))),
  },
  { additionalProperties: false },
);
export type ListOperationsQuery = Static<typeof ListOperationsQuery>;

export const OperationProgress = Type.Object(
  {
    kind: OneOf(operationKinds),
    id: Type.String(),
    attempt: Type.Integer({
      description: 'Which attempt this tells of; a higher attempt replaces a lower one',
    }),
    seq: Type.Integer({ description: 'Rises within an attempt; drop what is not newer than you have' }),
    status: Type.String(),
    progressPercent: Type.Integer({ minimum: 0, maximum: 100 }),
    currentStep: Type.String(),
    bytesDone: Count,
    bytesTotal: Nullable(Count),
    isBytesTotalEstimated: Type.Boolean(),
    table: Nullable(Type.String()),
    bytesPerSecond: Nullable(Type.Number()),
    estimatedTimeRemaining: Type.Optional(Type.Integer({ description: 'Seconds' })),
    errorCode: Type.Optional(Type.String()),
    errorMessage: Type.Optional(Type.String()),
    updatedAt: Type.String({ format: 'date-time' }),
  },
  { $id: 'OperationProgress' },
);
export type OperationProgress = Static<typeof OperationProgress>;
