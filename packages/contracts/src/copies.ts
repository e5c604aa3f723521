/** Copies of backups over HTTP: the same stored bytes on further storage targets. */
import { type Static, Type } from '@sinclair/typebox';
import { operationFields, storedStatuses } from './operations.ts';
import { proofLevels } from './proof-levels.ts';
import { Count, Nullable, OneOf, StorageLocation, Timestamp } from './schema.ts';

export const copyStatuses = storedStatuses;
export type CopyStatus = (typeof copyStatuses)[number];

/** `all`: every copy; `at_least`: as many as `minCopies`. The others are made up for from the stored backup. */
export const copyPolicies = ['all', 'at_least'] as const;
export type CopyPolicy = (typeof copyPolicies)[number];

export const mostCopies = 10;

export const CopyTargets = Type.Array(StorageLocation, {
  maxItems: mostCopies,
  uniqueItems: true,
  description: 'Storage targets besides the own one, written in the same pass',
});

export const copyPolicyFields = {
  copyPolicy: OneOf(
    copyPolicies,
    'How many copies have to be good for a backup to be completed: all, or at least minCopies of them',
  ),
  minCopies: Type.Integer({
    minimum: 0,
    maximum: mostCopies,
    description:
      'With copyPolicy at_least: copies, not counting the backup itself, that the one pass has to make',
  }),
};

export const BackupCopyView = Type.Object(
  {
    id: Type.String(),
    backupId: Type.Integer(),
    storageTarget: Type.String(),
    status: OneOf(copyStatuses),
    fileSize: Count,
    checksumSha256: Nullable(Type.String({ description: 'Of the bytes that this target gave back' })),
    proofLevel: Nullable(OneOf(proofLevels)),
    provedAt: Nullable(Timestamp),
    damagedAt: Nullable(Timestamp),
    damage: Nullable(Type.String({ description: 'What the last reading of this copy found wrong' })),
    ...operationFields,
  },
  { $id: 'BackupCopy' },
);
export type BackupCopyView = Static<typeof BackupCopyView>;

export const BackupCopyList = Type.Object({ items: Type.Array(BackupCopyView) });

export const CreateCopy = Type.Object({ storageTarget: StorageLocation }, { additionalProperties: false });
export type CreateCopy = Static<typeof CreateCopy>;

export const CopyAccepted = Type.Object({ copyId: Type.String(), message: Type.String() });

export const CopyParams = Type.Object(
  { id: Type.String({ pattern: '^[1-9][0-9]{0,9}$' }), copyId: Type.String({ format: 'uuid' }) },
  { additionalProperties: false },
);
