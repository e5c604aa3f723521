/** Compares a backup that is about to complete with its database's history, and says so where it is unusual. */
import type { Anomaly } from '@holdfast/contracts/anomalies';
import type { EntityManager } from 'typeorm';
import type { WrittenArchive } from '../../archives/index.ts';
import { recordAudit, systemActor } from '../../audit/index.ts';
import { type OperationContext, publishOperationEvent } from '../../operations/index.ts';
import { untilMetadataAnswers } from '../../operations/jobs.ts';
import type { BackupRow } from '../backup.entity.ts';
import { judgeAnomalies } from './judge-anomalies.ts';
import { readEarlierFigures, rowsByTable } from './read-earlier-figures.ts';

/** Before the transaction that completes the backup, so that nobody waits for it; who listens is told after that transaction. */
export async function findAnomalies(
  context: OperationContext,
  row: BackupRow,
  written: WrittenArchive,
): Promise<Anomaly[]> {
  const { deps, ref, logger, onEnd } = context;
  const anomalies = await untilMetadataAnswers(context, () => judge(deps.source.manager, row, written));
  if (anomalies.length > 0) {
    onEnd(async (isCompleted) => {
      if (isCompleted) {
        logger.warn(
          { anomalies: anomalies.map(({ sentence }) => sentence) },
          "the backup differs from its database's history: it does not count as a good one until it is accepted",
        );
        await publishOperationEvent(deps, { ...ref, event: 'anomalous', status: 'completed' });
      }
    });
  }
  return anomalies;
}

async function judge(
  manager: EntityManager,
  row: BackupRow,
  { stored, contents }: WrittenArchive,
): Promise<Anomaly[]> {
  return judgeAnomalies(
    {
      storedBytes: stored.sizeBytes,
      rawBytes: contents.bytes,
      durationSeconds: await secondsSoFar(manager, row),
      tables: rowsByTable(contents.tables),
    },
    await readEarlierFigures(manager, row),
  );
}

/** By the clock that the start was taken from. */
async function secondsSoFar(manager: EntityManager, { id }: BackupRow): Promise<number | null> {
  const [row] = (await manager.query(
    `SELECT CEIL(EXTRACT(EPOCH FROM clock_timestamp() - started_at))::float8 AS seconds FROM admin_backups WHERE id = $1`,
    [id],
  )) as { seconds: number | null }[];
  return row?.seconds ?? null;
}

/** @returns the column of the row, in the transaction that completes it; the trail has it in the same one */
export async function recordAnomalies(
  manager: EntityManager,
  row: BackupRow,
  anomalies: readonly Anomaly[],
): Promise<{ anomalies: string }> {
  if (anomalies.length > 0) {
    await recordAudit(manager, systemActor, {
      action: 'backup.anomalous',
      subjectType: 'backup',
      subjectId: String(row.id),
      outcome: 'succeeded',
      after: { anomalies },
    });
  }
  // As text: the driver would write an array as one of PostgreSQL's own.
  return { anomalies: JSON.stringify(anomalies) };
}
