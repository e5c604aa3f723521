/** The one row of backup_settings. Durations are in seconds, as the specification has them. */
import type { CopyPolicy } from '@holdfast/contracts/copies';
import {
  bigint,
  boolean,
  generated,
  integer,
  json,
  nullable,
  text,
  timestamp,
  uuid,
} from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface SettingsRow {
  id: number;
  storageLocation: string;
  /** Further targets of backups, and how many of them have to be good. */
  copies: string[];
  copyPolicy: CopyPolicy;
  minCopies: number;
  maxStorageSize: number;
  compressionLevel: number;
  defaultRetentionDays: number;
  maxManualBackups: number;
  maxScheduledBackups: number;
  requireApprovalForRestore: boolean;
  allowedRestoreRoles: string[];
  allowedBackupRoles: string[];
  defaultNotificationEmails: string[];
  notifyOnLargeBackups: boolean;
  largeBackupThresholdMb: number;
  connectionTimeout: number;
  commandTimeout: number;
  maxConcurrentOperations: number;
  cleanupFrequency: string;
  cleanupTime: string;
  autoCleanupEnabled: boolean;
  lastCleanupAt: Date | null;
  diskUsage: number;
  updatedBy: string | null;
  updatedAt: Date;
  maxRetries: number;
  retryDelay: number;
  stallTimeout: number;
  lockWaitTimeout: number;
  rollbackWindowHours: number;
  /** What an operation does when it holds a lock that somebody else waits for. */
  blockingPolicy: 'yield' | 'warn' | 'hold';
  /** Seconds that others may wait before the policy applies. */
  blockingGrace: number;
  /** Rises with every committed change of what statistics count; the database raises it. */
  statisticsVersion: number;
}

export const SettingsEntity = new EntitySchema<SettingsRow>({
  name: 'Settings',
  tableName: 'backup_settings',
  columns: {
    id: { ...integer('id'), primary: true },
    storageLocation: text('storage_location'),
    copies: json('copies'),
    copyPolicy: text('copy_policy'),
    minCopies: integer('min_copies'),
    maxStorageSize: bigint('max_storage_size'),
    compressionLevel: integer('compression_level'),
    defaultRetentionDays: integer('default_retention_days'),
    maxManualBackups: integer('max_manual_backups'),
    maxScheduledBackups: integer('max_scheduled_backups'),
    requireApprovalForRestore: boolean('require_approval_for_restore'),
    allowedRestoreRoles: json('allowed_restore_roles'),
    allowedBackupRoles: json('allowed_backup_roles'),
    defaultNotificationEmails: json('default_notification_emails'),
    notifyOnLargeBackups: boolean('notify_on_large_backups'),
    largeBackupThresholdMb: integer('large_backup_threshold_mb'),
    connectionTimeout: integer('connection_timeout'),
    commandTimeout: integer('command_timeout'),
    maxConcurrentOperations: integer('max_concurrent_operations'),
    cleanupFrequency: text('cleanup_frequency'),
    cleanupTime: text('cleanup_time'),
    autoCleanupEnabled: boolean('auto_cleanup_enabled'),
    lastCleanupAt: nullable(timestamp('last_cleanup_at')),
    diskUsage: bigint('disk_usage'),
    updatedBy: nullable(uuid('updated_by')),
    updatedAt: generated(timestamp('updated_at')),
    maxRetries: integer('max_retries'),
    retryDelay: integer('retry_delay'),
    stallTimeout: integer('stall_timeout'),
    lockWaitTimeout: integer('lock_wait_timeout'),
    rollbackWindowHours: integer('rollback_window_hours'),
    blockingPolicy: text('blocking_policy'),
    blockingGrace: integer('blocking_grace'),
    statisticsVersion: bigint('statistics_version'),
  },
});
