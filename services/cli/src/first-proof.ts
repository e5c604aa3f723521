/** The first backup of a new installation: taken, restored, compared, and the proof printed. */
import type { BackupView } from '@holdfast/contracts/backups';
import type { DrillView } from '@holdfast/contracts/drills';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { OperationProgress, OperationRef } from '@holdfast/contracts/operations';
import { ApiClient, apiBase } from './api-client.ts';
import { formatBytes, formatCount, formatDuration, progressLine, say } from './terminal.ts';

export interface FirstProofOptions {
  readonly apiUrl: string;
  readonly email: string;
  readonly password: string;
}

interface Page<T> {
  readonly items: T[];
}

/** Where a proven backup exists already, its proof is printed and nothing is done. */
export async function proveFirstBackup({ apiUrl, email, password }: FirstProofOptions): Promise<void> {
  const api = await ApiClient.signIn(apiUrl, { email, password });
  const earlier = await api.get<Page<DrillView>>(`${apiBase}/drills?status=completed&limit=1`);
  const newest = earlier.items[0];
  const drill = newest ?? (await drillNewBackup(api));
  const backup = await api.get<BackupView>(`${apiBase}/backups/${drill.backupId}`);
  printProof(backup, drill);
}

async function drillNewBackup(api: ApiClient): Promise<DrillView> {
  const { backupId } = await api.post<{ backupId: number }>(`${apiBase}/backups`, {
    displayName: 'First backup',
    compressionType: 'zstd',
    tags: ['first'],
  });
  await follow(api, { kind: 'backup', id: String(backupId) }, 'Backup ');
  const { operationId } = await api.post<{ operationId: string }>(`${apiBase}/backups/${backupId}/drill`);
  await follow(api, { kind: 'drill', id: operationId }, 'Restore');
  return await api.get<DrillView>(`${apiBase}/drills/${operationId}`);
}

async function follow(api: ApiClient, ref: OperationRef, label: string): Promise<void> {
  const line = progressLine(label);
  try {
    const end = await api.follow(ref, (progress) =>
      line.update(progress.progressPercent, describe(progress)),
    );
    if (end.status !== 'completed') {
      throw new AppError(
        (end.errorCode ?? 'INTERNAL') as ErrorCode,
        end.errorMessage ?? `The ${ref.kind} ended as ${end.status}.`,
      );
    }
  } finally {
    line.stop();
  }
}

function describe({
  currentStep,
  bytesDone,
  bytesTotal,
  isBytesTotalEstimated,
  table,
  estimatedTimeRemaining,
}: OperationProgress): string {
  if (bytesTotal === null) {
    return currentStep;
  }
  const total = `${isBytesTotalEstimated ? '~' : ''}${formatBytes(bytesTotal)}`;
  const eta = estimatedTimeRemaining === undefined ? '' : `, ${estimatedTimeRemaining} s left`;
  return `${currentStep}: ${formatBytes(bytesDone)} of ${total}${eta}${table === null ? '' : `  ${table}`}`;
}

function printProof(backup: BackupView, drill: DrillView): void {
  const result = drill.result;
  if (result === null) {
    return;
  }
  const ratio =
    backup.uncompressedSize === null || backup.fileSize === 0
      ? ''
      : ` (${(backup.uncompressedSize / backup.fileSize).toFixed(2)} : 1 of ${formatBytes(backup.uncompressedSize)})`;
  const seconds =
    backup.startedAt && backup.completedAt
      ? Date.parse(backup.completedAt) - Date.parse(backup.startedAt)
      : null;
  const rows: [string, string][] = [
    ['Backup', `#${backup.id} of database "${backup.databaseName}", PostgreSQL ${backup.postgresVersion}`],
    ['File', backup.filePath],
    ['Size', `${formatBytes(backup.fileSize)}${ratio}`],
    ['MD5', backup.checksumMd5 ?? ''],
    ['SHA-256', backup.checksumSha256 ?? ''],
    [
      'Compared',
      `${formatCount(result.tablesCompared)} tables, ${formatCount(result.rowsCompared)} rows, ${formatCount(result.sequencesCompared)} sequences, ${formatCount(result.constraintsChecked)} constraints`,
    ],
    [
      'Differences',
      result.isEqual
        ? 'none'
        : `${result.differences.length}, the first: ${JSON.stringify(result.differences[0])}`,
    ],
    ['Time to back up', seconds === null ? 'unknown' : formatDuration(seconds)],
    [
      'Time to restore',
      `${formatDuration(result.restoreDurationMs)}, compared in ${formatDuration(result.verifyDurationMs)}`,
    ],
  ];
  say();
  say(
    result.isEqual
      ? 'PROVEN: this backup was restored and is equal to what was backed up.'
      : 'NOT EQUAL: the restored copy differs from its manifest.',
  );
  for (const [name, value] of rows) {
    say(`  ${name.padEnd(16)} ${value}`);
  }
  say();
}
