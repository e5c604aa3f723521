/** Verifications over HTTP: a stored backup read to its end and compared with its manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, ListOf, Nullable, OneOf, pageQuery, Timestamp } from './schema.ts';

export const verificationStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type VerificationStatus = (typeof verificationStatuses)[number];

/** Of a backup in which nothing was wrong: any fault ends the verification as failed, with FILE_CORRUPTION or BACKUP_NOT_FOUND. */
export const VerificationResult = Type.Object({
  sizeBytes: Count,
  uncompressedBytes: Count,
  md5: Type.String(),
  sha256: Type.String(),
  objectsListed: Type.Integer({ description: 'Entries of the table of contents' }),
  tablesCompared: Count,
  rowsCompared: Count,
  sequencesCompared: Count,
  durationMs: Type.Integer(),
});
export type VerificationResult = Static<typeof VerificationResult>;

export const VerificationView = Type.Object(
  {
    operationId: Type.String(),
    backupId: Type.Integer(),
    copyId: Nullable(Type.String({ description: 'The copy that was read; null: the backup itself' })),
    status: OneOf(verificationStatuses),
    attempt: Type.Integer(),
    retryCount: Type.Integer(),
    createdBy: Nullable(Type.String()),
    createdAt: Timestamp,
    startedAt: Nullable(Timestamp),
    completedAt: Nullable(Timestamp),
    duration: Nullable(Type.Integer({ description: 'Seconds' })),
    result: Nullable(VerificationResult),
    errorCode: Nullable(Type.String()),
    errorMessage: Nullable(Type.String()),
    errorRemediation: Nullable(Type.String()),
  },
  { $id: 'Verification' },
);
export type VerificationView = Static<typeof VerificationView>;

export const VerificationAccepted = Type.Object({ operationId: Type.String(), message: Type.String() });

export const ListVerificationsQuery = Type.Object(
  {
    ...pageQuery,
    backupId: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    status: Type.Optional(Type.Array(OneOf(verificationStatuses))),
  },
  { additionalProperties: false },
);
export type ListVerificationsQuery = Static<typeof ListVerificationsQuery>;
export const VerificationList = ListOf(VerificationView);
