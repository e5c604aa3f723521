/** Statistics of the backups in storage: the specification's StorageStats and what explains it. MB are MiB. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable } from './schema.ts';

const Counts = Type.Record(Type.String(), Count);

export const StorageStats = Type.Object(
  {
    totalCount: Type.Integer({ description: 'Backups that are not deleted' }),
    completedCount: Count,
    failedCount: Count,
    activeCount: Type.Integer({ description: 'Running now' }),
    totalSizeMB: Type.Number(),
    maxStorageMB: Type.Number(),
    usagePercent: Type.Number(),
    byType: Counts,
    bySource: Counts,
    recommendations: Type.Array(Type.String()),
    pendingCount: Count,
    cancelledCount: Count,
    protectedCount: Count,
    expiredCount: Type.Integer({ description: 'Completed, unprotected and past their expiresAt' }),
    anomalousCount: Type.Integer({
      description: 'Completed, and with anomalies that nobody has accepted',
    }),
    totalSizeBytes: Count,
    maxStorageBytes: Count,
    sizeBytesByType: Counts,
    sizeBytesBySource: Counts,
    bytesAddedPerDay: Type.Number({ description: 'Over the last 30 days' }),
    newestCompletedAt: Nullable(
      Type.String({ format: 'date-time', description: 'Of the good ones: neither damaged nor anomalous' }),
    ),
  },
  { $id: 'StorageStats' },
);
export type StorageStats = Static<typeof StorageStats>;
