/** Retention over HTTP: what cleaning up would remove and by which rule, and what it has removed. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, OneOf, Timestamp } from './schema.ts';

/** The settings, or the backup's own expiry, that let a backup go. */
export const retentionRules = ['expires_at', 'max_manual_backups', 'max_scheduled_backups'] as const;
export type RetentionRule = (typeof retentionRules)[number];

export const RemovableBackup = Type.Object({
  backupId: Type.Integer(),
  displayName: Type.String(),
  databaseName: Type.String(),
  completedAt: Timestamp,
  fileSize: Count,
  rule: OneOf(retentionRules),
  reason: Type.String({ description: 'The rule in words, with the figure behind it' }),
});
export type RemovableBackup = Static<typeof RemovableBackup>;

export const RetentionPreview = Type.Object(
  {
    items: Type.Array(RemovableBackup, { description: 'The oldest first' }),
    sizeBytes: Type.Integer({ description: 'What they take on their own targets, copies not counted' }),
    nextCleanupAt: Type.Union([Timestamp, Type.Null()], {
      description: 'When they go by themselves; null: not before auto_cleanup_enabled is turned on',
    }),
  },
  { $id: 'RetentionPreview' },
);
export type RetentionPreview = Static<typeof RetentionPreview>;

export const CleanupResult = Type.Object(
  {
    removed: Type.Array(RemovableBackup, { description: 'Gone from the lists; their bytes follow' }),
    kept: Type.Array(Type.Object({ backupId: Type.Integer(), reason: Type.String() }), {
      description: 'Of the plan, but something holds them now',
    }),
    sizeBytes: Type.Integer({ description: 'Of what was removed' }),
  },
  { $id: 'CleanupResult' },
);
export type CleanupResult = Static<typeof CleanupResult>;
