/** The keys of encrypted backups over HTTP: whom they are encrypted for, and whether a worker can still open them. */
import { type Static, Type } from '@sinclair/typebox';
import { Nullable, OneOf, Timestamp } from './schema.ts';

const Recipients = Type.Array(Type.String(), { description: 'age recipients, sorted' });

export const KeyCheck = Type.Object({
  recipients: Recipients,
  backupId: Type.Integer({ description: 'The newest backup for these recipients at that time' }),
  workerId: Type.String(),
  isOpened: Type.Boolean({
    description: "An identity of the worker decrypted the beginning of the backup's file",
  }),
  errorCode: Nullable(Type.String()),
  errorMessage: Nullable(Type.String()),
  errorRemediation: Nullable(Type.String()),
  checkedAt: Timestamp,
});
export type KeyCheck = Static<typeof KeyCheck>;

/** `critical`: as far as is known nobody can open these backups; `warning`: it is not certain that somebody can. */
export const KeyFinding = Type.Object({
  severity: OneOf(['critical', 'warning']),
  cause: Type.String(),
  remediation: Type.String(),
});
export type KeyFinding = Static<typeof KeyFinding>;

export const KeyReport = Type.Object(
  {
    configuredRecipients: Recipients,
    recipientSets: Type.Array(
      Type.Object({
        recipients: Recipients,
        isConfigured: Type.Boolean({ description: 'New backups are encrypted for exactly these by default' }),
        newestBackupId: Type.Integer(),
        newestCheck: Nullable(KeyCheck),
        finding: Nullable(KeyFinding),
      }),
      { description: 'One for each set of recipients that a stored backup is encrypted for' },
    ),
  },
  { $id: 'KeyReport' },
);
export type KeyReport = Static<typeof KeyReport>;

export const KeyCheckAccepted = Type.Object({ requestId: Type.String(), message: Type.String() });

export const KeyCheckRequest = Type.Object(
  {
    requestId: Type.String(),
    status: OneOf(['pending', 'completed', 'failed']),
    workerId: Nullable(Type.String()),
    createdAt: Timestamp,
    completedAt: Nullable(Timestamp),
    errorCode: Nullable(Type.String()),
    errorMessage: Nullable(Type.String()),
    errorRemediation: Nullable(Type.String()),
    checks: Type.Array(KeyCheck),
  },
  { $id: 'KeyCheckRequest' },
);
export type KeyCheckRequest = Static<typeof KeyCheckRequest>;

export const RequestIdParam = Type.Object(
  { requestId: Type.String({ format: 'uuid' }) },
  { additionalProperties: false },
);
