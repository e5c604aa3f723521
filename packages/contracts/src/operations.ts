/** What backups, drills, verifications, copies and rebuilds have in common: kinds and the newest progress of one. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable, OneOf } from './schema.ts';

export const operationKinds = ['backup', 'drill', 'verify', 'copy', 'rebuild'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** Names one operation: the row's id of a backup, the id of a copy, the operation id of the others. */
export interface OperationRef {
  readonly kind: OperationKind;
  readonly id: string;
}

export const OperationProgress = Type.Object(
  {
    kind: OneOf(operationKinds),
    id: Type.String(),
    attempt: Type.Integer({
      description: 'Which attempt this tells of; a higher attempt replaces a lower one',
    }),
    seq: Type.Integer({ description: 'Rises within an attempt; drop what is older than you have' }),
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
