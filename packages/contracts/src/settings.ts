/** The settings over HTTP: every column of backup_settings. Durations are in seconds, as the specification has them. */
import { type Static, Type } from '@sinclair/typebox';
import { CopyTargets, copyPolicyFields } from './copies.ts';
import { roles } from './permissions.ts';
import { Count, Nullable, OneOf, StorageLocation, Timestamp } from './schema.ts';

const day = 86_400;
const Email = Type.String({ format: 'email', maxLength: 320 });
/** `user` may do nothing at all, so it can't be given this. */
const Roles = (description: string) =>
  Type.Array(OneOf(roles.filter((role) => role !== 'user')), { uniqueItems: true, description });
const Whole = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description });

const changeable = {
  storageLocation: StorageLocation,
  copies: CopyTargets,
  ...copyPolicyFields,
  maxStorageSize: Type.Integer({
    minimum: 1024 * 1024,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'Bytes that all backups together may take',
  }),
  compressionLevel: Whole(1, 9, 'gzip level of backups that name none'),
  defaultRetentionDays: Whole(
    0,
    36_500,
    'Days after which a backup expires that was asked for without expiresAt; 0: never',
  ),
  maxManualBackups: Whole(
    1,
    1_000_000,
    'Good manual backups that are kept; cleaning up removes the oldest of more',
  ),
  maxScheduledBackups: Whole(
    1,
    1_000_000,
    'Good scheduled backups that are kept; cleaning up removes the oldest of more',
  ),
  requireApprovalForRestore: Type.Boolean({ description: 'Another person has to approve a restore' }),
  allowedRestoreRoles: Roles('Roles that may restore; super-admin always may'),
  allowedBackupRoles: Roles('Roles that may create backups; super-admin always may'),
  defaultNotificationEmails: Type.Array(Email, { uniqueItems: true, maxItems: 100 }),
  notifyOnLargeBackups: Type.Boolean({ description: 'A backup above the threshold is marked and recorded' }),
  largeBackupThresholdMb: Whole(1, 1_000_000_000, 'MiB of stored bytes above which a backup is large'),
  connectionTimeout: Whole(1, 3600, 'Seconds to wait for a connection to a database'),
  commandTimeout: Whole(1, 365 * day, 'Seconds an operation may take in all'),
  maxConcurrentOperations: Whole(1, 1000, 'Operations at once in the whole cluster'),
  cleanupFrequency: OneOf(['daily', 'weekly'], 'Weekly is on Mondays'),
  cleanupTime: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'HH:MM, UTC' }),
  autoCleanupEnabled: Type.Boolean({
    description:
      'What retention lets go is removed by itself: at the time of cleaning up, and for a backup that would not fit',
  }),
  maxRetries: Whole(0, 100, 'Further attempts after a transient failure'),
  retryDelay: Whole(0, day, 'Seconds before the first retry; each further one waits twice as long'),
  stallTimeout: Whole(1, 7 * day, 'Seconds without a byte or a sign of work before an operation is stopped'),
  lockWaitTimeout: Whole(1, day, "Seconds to wait for somebody else's lock"),
  blockingPolicy: OneOf(
    ['yield', 'warn', 'hold'],
    'When an operation holds a lock that others wait for: give up and try again later, only say so, or neither',
  ),
  blockingGrace: Whole(0, day, 'Seconds that others may wait before the policy applies'),
  rollbackWindowHours: Whole(0, 24 * 365, 'Hours a replaced database is kept for swapping back'),
};

/** What is not named stays as it is. */
export const UpdateSettings = Type.Partial(Type.Object(changeable), {
  additionalProperties: false,
  minProperties: 1,
});
export type UpdateSettings = Static<typeof UpdateSettings>;

export const SettingsView = Type.Object(
  {
    ...changeable,
    // As stored, whatever an older release let in.
    storageLocation: Type.String(),
    copies: Type.Array(Type.String()),
    lastCleanupAt: Nullable(Timestamp),
    diskUsage: Count,
    updatedBy: Nullable(Type.String()),
    updatedAt: Timestamp,
  },
  { $id: 'Settings' },
);
export type SettingsView = Static<typeof SettingsView>;
