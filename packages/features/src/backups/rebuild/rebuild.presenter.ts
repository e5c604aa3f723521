/** A row as the API answers it. */
import type { RebuildView } from '@holdfast/contracts/catalog';
import type { RebuildRow } from './rebuild.entity.ts';

export function presentRebuild(row: RebuildRow): RebuildView {
  return {
    ...row,
    startedAt: row.startedAt?.toISOString() ?? null,
    completedAt: row.completedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
