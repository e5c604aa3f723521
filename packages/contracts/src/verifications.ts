/** Verifications over HTTP: a stored backup read to its end and compared with its manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { operationFields, operationStatuses } from './operations.ts';
import { Count, ListOf, Nullable, OneOf } from './schema.ts';

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
    status: OneOf(operationStatuses),
    ...operationFields,
    result: Nullable(VerificationResult),
  },
  { $id: 'Verification' },
);
export type VerificationView = Static<typeof VerificationView>;

export const VerificationList = ListOf(VerificationView);
