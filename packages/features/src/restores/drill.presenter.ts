/** A row as the API answers it. */
import type { DrillView } from '@holdfast/contracts/drills';
import type { DrillRow } from './drill.entity.ts';

export function presentDrill(row: DrillRow): DrillView {
  return {
    ...row,
    startedAt: row.startedAt?.toISOString() ?? null,
    completedAt: row.completedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
