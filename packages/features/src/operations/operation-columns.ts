/** What the rows of all operations have in common: their course, as the claim and the settling write it. */
import { generated, integer, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';

export interface OperationRow {
  startedAt: Date | null;
  completedAt: Date | null;
  /** Seconds. */
  duration: number | null;
  errorMessage: string | null;
  errorCode: string | null;
  errorRemediation: string | null;
  retryCount: number;
  attempt: number;
  createdBy: string | null;
  createdAt: Date;
}

export const operationColumns = {
  startedAt: nullable(timestamp('started_at')),
  completedAt: nullable(timestamp('completed_at')),
  duration: nullable(integer('duration')),
  errorMessage: nullable(text('error_message')),
  errorCode: nullable(text('error_code')),
  errorRemediation: nullable(text('error_remediation')),
  retryCount: generated(integer('retry_count')),
  attempt: generated(integer('attempt')),
  createdBy: nullable(uuid('created_by')),
  createdAt: generated(timestamp('created_at')),
};

type Times = 'startedAt' | 'completedAt' | 'createdAt';

/** A row as the API answers it, where its other columns answer for themselves. */
export function presentOperation<Row extends OperationRow>(
  row: Row,
): Omit<Row, Times> & { startedAt: string | null; completedAt: string | null; createdAt: string } {
  return {
    ...row,
    startedAt: row.startedAt?.toISOString() ?? null,
    completedAt: row.completedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
