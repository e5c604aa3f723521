/**
 * Query: statistics of the backups in storage. Kept in the process as long as the database's own version of them stands still:
 * it rises in the very transaction that changes a backup, so what is answered is never older than what is committed.
 */
import type { StorageStats } from '@holdfast/contracts/storage-stats';
import type { Clock } from '@holdfast/platform/clock';
import type { DataSource } from 'typeorm';
import { readSettings, type SettingsRow } from '../settings/index.ts';
import { type BackupCounts, type CountedGroup, countBackups } from './count-backups.ts';
import { recommendStorage } from './recommend-storage.ts';

/** Some counts look back from now, so even unchanged rows are counted again after this time. */
const longestAgeMs = 60_000;

export class StorageStatistics {
  readonly #source: DataSource;
  readonly #clock: Clock;
  #kept: { version: number; countedMs: number; counts: BackupCounts } | null = null;

  constructor(source: DataSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  async read(): Promise<StorageStats> {
    const settings = await readSettings(this.#source);
    const nowMs = this.#clock.monotonicMs();
    const kept = this.#kept;
    if (kept?.version === settings.statisticsVersion && nowMs - kept.countedMs < longestAgeMs) {
      return summarize(kept.counts, settings);
    }
    // One snapshot for the version and all counts, else a change in between would be kept under the wrong version.
    return await this.#source.transaction('REPEATABLE READ', async (manager) => {
      const current = await readSettings(manager);
      const counts = await countBackups(manager);
      this.#kept = { version: current.statisticsVersion, countedMs: nowMs, counts };
      return summarize(counts, current);
    });
  }
}

function summarize(counts: BackupCounts, settings: SettingsRow): StorageStats {
  const { groups } = counts;
  const sumOf = (
    field: 'count' | 'bytes' | 'protectedCount',
    fits: (group: CountedGroup) => boolean,
  ): number => groups.filter(fits).reduce((sum, group) => sum + group[field], 0);
  const byKey = (key: 'backupType' | 'source', field: 'count' | 'bytes'): Record<string, number> =>
    Object.fromEntries(
      [...new Set(groups.map((group) => group[key]))]
        .sort()
        .map((value) => [value, sumOf(field, (group) => group[key] === value)]),
    );
  const ofStatus = (status: string): number => sumOf('count', (group) => group.status === status);
  const totalSizeBytes = sumOf('bytes', () => true);
  return {
    totalCount: sumOf('count', () => true),
    completedCount: ofStatus('completed'),
    failedCount: ofStatus('failed'),
    activeCount: ofStatus('running'),
    totalSizeMB: inMebibytes(totalSizeBytes),
    maxStorageMB: inMebibytes(settings.maxStorageSize),
    usagePercent: Math.round((totalSizeBytes / settings.maxStorageSize) * 10_000) / 100,
    byType: byKey('backupType', 'count'),
    bySource: byKey('source', 'count'),
    recommendations: recommendStorage(counts, settings),
    pendingCount: ofStatus('pending'),
    cancelledCount: ofStatus('cancelled'),
    protectedCount: sumOf('protectedCount', (group) => group.status === 'completed'),
    expiredCount: counts.expired.count,
    anomalousCount: counts.anomalousCount,
    totalSizeBytes,
    maxStorageBytes: settings.maxStorageSize,
    sizeBytesByType: byKey('backupType', 'bytes'),
    sizeBytesBySource: byKey('source', 'bytes'),
    bytesAddedPerDay: Math.round(counts.bytesAddedPerDay),
    newestCompletedAt: counts.newestCompletedAt?.toISOString() ?? null,
  };
}

function inMebibytes(bytes: number): number {
  return Math.round((bytes / (1024 * 1024)) * 100) / 100;
}
