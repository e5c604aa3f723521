/** Recommendations: sentences that name the setting to change and the figure behind it. Pure. */
import type { SettingsRow } from '../settings/index.ts';
import { sayBytes } from './say-bytes.ts';
import type { BackupCounts } from './count-backups.ts';

const fullPercent = 80;
const soonFullDays = 30;
const fewFailures = 0.1;

/** What may be changed so that failures of this code become rarer. */
const settingsOfCodes: Readonly<Record<string, (settings: SettingsRow) => string>> = {
  TIMEOUT: ({ commandTimeout }) => `raise command_timeout, now ${commandTimeout} s`,
  STALLED: ({ stallTimeout }) =>
    `look at the database server and the storage, or raise stall_timeout, now ${stallTimeout} s`,
  LOCKED: ({ lockWaitTimeout }) => `raise lock_wait_timeout, now ${lockWaitTimeout} s`,
  CONNECTION_FAILED: ({ connectionTimeout, maxRetries }) =>
    `test the database's connection, or raise connection_timeout, now ${connectionTimeout} s, or max_retries, now ${maxRetries}`,
  INSUFFICIENT_SPACE: ({ maxStorageSize }) =>
    `free space, or raise max_storage_size, now ${sayBytes(maxStorageSize)}`,
};

export function recommendStorage(counts: BackupCounts, settings: SettingsRow): string[] {
  return [
    ...adviseOnSpace(counts, settings),
    ...adviseOnExpired(counts, settings),
    ...adviseOnNumbers(counts, settings),
    ...adviseOnFailures(counts, settings),
  ];
}

function adviseOnSpace({ groups, bytesAddedPerDay }: BackupCounts, settings: SettingsRow): string[] {
  const { maxStorageSize, defaultRetentionDays } = settings;
  const used = groups.reduce((sum, group) => sum + group.bytes, 0);
  const percent = (used / maxStorageSize) * 100;
  const remedy = `raise max_storage_size or lower default_retention_days, now ${defaultRetentionDays} days`;
  if (percent >= fullPercent) {
    return [
      `Backups take ${sayBytes(used)}, ${percent.toFixed(1)} % of the ${sayBytes(maxStorageSize)} of max_storage_size: ${remedy}.`,
    ];
  }
  const daysLeft = (maxStorageSize - used) / bytesAddedPerDay;
  if (bytesAddedPerDay > 0 && daysLeft < soonFullDays) {
    return [
      `Backups grow by ${sayBytes(bytesAddedPerDay)} a day and reach max_storage_size, ${sayBytes(maxStorageSize)}, in ${Math.max(1, Math.floor(daysLeft))} days: ${remedy}.`,
    ];
  }
  return [];
}

function adviseOnExpired({ expired }: BackupCounts, { autoCleanupEnabled }: SettingsRow): string[] {
  if (expired.count === 0 || autoCleanupEnabled) {
    return [];
  }
  return [
    `${amount(expired.count, 'backup')} of ${sayBytes(expired.bytes)} ${expired.count === 1 ? 'has' : 'have'} expired and nobody removes them: turn auto_cleanup_enabled on.`,
  ];
}

function adviseOnNumbers({ groups }: BackupCounts, settings: SettingsRow): string[] {
  const limits = [
    ['manual', 'max_manual_backups', settings.maxManualBackups],
    ['scheduled', 'max_scheduled_backups', settings.maxScheduledBackups],
  ] as const;
  return limits.flatMap(([source, setting, limit]) => {
    const count = groups
      .filter((group) => group.source === source && group.status === 'completed')
      .reduce((sum, group) => sum + group.count, 0);
    return count > limit
      ? [
          `${amount(count, `${source} backup`)} ${count === 1 ? 'is' : 'are'} kept, more than the ${limit} of ${setting}: delete some or raise ${setting}.`,
        ]
      : [];
  });
}

function adviseOnFailures({ recent }: BackupCounts, settings: SettingsRow): string[] {
  const [most] = recent.failures;
  const failed = recent.failures.reduce((sum, { count }) => sum + count, 0);
  const all = failed + recent.completed;
  if (most === undefined || failed / all < fewFailures) {
    return [];
  }
  const remedy = settingsOfCodes[most.code]?.(settings) ?? 'read the remedy that each of them carries';
  return [
    `${failed} of ${amount(all, 'backup')} of the last 7 days failed, most with ${most.code} (${most.count}): ${remedy}.`,
  ];
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
