import { describe, expect, it } from '@jest/globals';
import type { SettingsRow } from '../settings/index.ts';
import { recommendStorage } from './recommend-storage.ts';
import type { BackupCounts, CountedGroup } from './count-backups.ts';

const gibibyte = 1024 ** 3;

const settings = {
  maxStorageSize: 100 * gibibyte,
  defaultRetentionDays: 30,
  autoCleanupEnabled: true,
  maxManualBackups: 50,
  maxScheduledBackups: 100,
  commandTimeout: 3600,
  stallTimeout: 300,
  lockWaitTimeout: 60,
  connectionTimeout: 30,
  maxRetries: 3,
} as SettingsRow;

const group = (changes: Partial<CountedGroup> = {}): CountedGroup => ({
  backupType: 'full',
  source: 'manual',
  status: 'completed',
  count: 1,
  bytes: gibibyte,
  protectedCount: 0,
  ...changes,
});
const counts = (changes: Partial<BackupCounts> = {}): BackupCounts => ({
  groups: [group()],
  expired: { count: 0, bytes: 0 },
  recent: { completed: 10, failures: [] },
  bytesAddedPerDay: 0,
  newestCompletedAt: null,
  anomalousCount: 0,
  ...changes,
});

describe('recommendStorage', () => {
  it('says nothing where all is well, and where there is nothing at all', () => {
    expect(recommendStorage(counts(), settings)).toEqual([]);
    expect(
      recommendStorage(counts({ groups: [], recent: { completed: 0, failures: [] } }), settings),
    ).toEqual([]);
  });

  it.each<[string, BackupCounts, Partial<SettingsRow>, RegExp]>([
    [
      'storage that is nearly full',
      counts({ groups: [group({ bytes: 85 * gibibyte })] }),
      {},
      /85\.0 GiB, 85\.0 % of the 100\.0 GiB of max_storage_size: raise max_storage_size or lower default_retention_days, now 30 days/,
    ],
    [
      'storage that will be full soon',
      counts({ groups: [group({ bytes: 70 * gibibyte })], bytesAddedPerDay: 3 * gibibyte }),
      {},
      /grow by 3\.0 GiB a day and reach max_storage_size, 100\.0 GiB, in 10 days/,
    ],
    [
      'expired backups that nobody removes',
      counts({ expired: { count: 2, bytes: gibibyte } }),
      { autoCleanupEnabled: false },
      /2 backups of 1\.0 GiB have expired .* turn auto_cleanup_enabled on/,
    ],
    [
      'more backups than are to be kept',
      counts({ groups: [group({ count: 51 })] }),
      {},
      /51 manual backups are kept, more than the 50 of max_manual_backups/,
    ],
    ...(
      [
        ['TIMEOUT', /raise command_timeout, now 3600 s/],
        ['STALLED', /stall_timeout, now 300 s/],
        ['LOCKED', /lock_wait_timeout, now 60 s/],
        ['CONNECTION_FAILED', /connection_timeout, now 30 s, or max_retries, now 3/],
        ['INSUFFICIENT_SPACE', /max_storage_size, now 100\.0 GiB/],
        ['TOOL_FAILED', /read the remedy/],
      ] as const
    ).map(
      ([code, words]) =>
        [
          `failures with ${code}`,
          counts({ recent: { completed: 3, failures: [{ code, count: 2 }] } }),
          {},
          new RegExp(
            `2 of 5 backups of the last 7 days failed, most with ${code} \\(2\\): .*${words.source}`,
          ),
        ] as [string, BackupCounts, Partial<SettingsRow>, RegExp],
    ),
  ])('tells of %s, with the setting and the figure', (_what, given, changes, words) => {
    expect(recommendStorage(given, { ...settings, ...changes })).toEqual([expect.stringMatching(words)]);
  });

  it('lets a failure in twenty pass', () => {
    expect(
      recommendStorage(
        counts({ recent: { completed: 19, failures: [{ code: 'TIMEOUT', count: 1 }] } }),
        settings,
      ),
    ).toEqual([]);
  });
});
