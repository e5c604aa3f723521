/** What a restore means for those who work with the target: how long they wait, what they lose, how long the way back is. Pure. */
import type {
  AffectedTable,
  RestoreStrategy,
  RestoreType,
  RestoreValidation,
} from '@holdfast/contracts/restores';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import type { CompletedBackup } from '../../backups/index.ts';
import { type Durations, say } from './estimate-durations.ts';
import type { Target } from './look-at-target.ts';

export interface ImpactQuestion {
  readonly strategy: RestoreStrategy;
  readonly restoreType: RestoreType;
  readonly backup: CompletedBackup;
  readonly target: Target;
  /** Of a selective restore; null for everything. */
  readonly tables: readonly QualifiedName[] | null;
  readonly durations: Durations;
  readonly createsPreBackup: boolean;
}

export interface Impact {
  readonly assessment: RestoreValidation['impactAssessment'];
  readonly estimatedDurationMs: number;
}

export function assessImpact(question: ImpactQuestion): Impact {
  const { target, durations } = question;
  const tables = affectedTables(question);
  const times = timesOf(question);
  return {
    estimatedDurationMs: times.totalMs,
    assessment: {
      estimatedDowntime: times.downtime,
      affectedTables: tables.map(({ schema, name }) => `${schema}.${name}`),
      ...dataLoss(question, tables),
      rollbackTime: times.rollback,
      userImpact: userImpact(question),
      basis: durations.basis,
      tables,
      sessions: [...(target.database?.sessions ?? [])],
    },
  };
}

/** In place only what is in the backup; by a swap also what is not. */
function affectedTables({ strategy, tables, target, backup }: ImpactQuestion): AffectedTable[] {
  const chosen = tables === null ? null : new Set(tables.map(keyOf));
  const all =
    target.database?.tables ??
    backup.manifest.tables.map(({ schema, name, rows }) => ({
      schema,
      name,
      rowsNow: null,
      rowsNowIsEstimate: false,
      rowsInBackup: rows,
      newerRows: null,
    }));
  return all.filter(
    (table) =>
      (chosen === null || chosen.has(keyOf(table))) && (strategy === 'swap' || table.rowsInBackup !== null),
  );
}

function keyOf({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}

function timesOf({ strategy, restoreType, durations, createsPreBackup }: ImpactQuestion) {
  const { restoreMs, verifyMs, safetyBackupMs, swapMs } = durations;
  const dataMs = restoreType === 'schema_only' ? 0 : restoreMs;
  const totalMs = dataMs + verifyMs + (createsPreBackup ? safetyBackupMs : 0);
  switch (strategy) {
    case 'swap': {
      const moment =
        swapMs === null
          ? 'the moment of a rename (none of this database was measured yet)'
          : `${say(swapMs)}, as measured`;
      return { totalMs, downtime: moment, rollback: moment };
    }
    case 'in_place':
      return {
        totalMs,
        downtime: `up to ${say(dataMs + verifyMs)}: the transaction holds its locks to the end`,
        rollback: createsPreBackup
          ? `${say(restoreMs + verifyMs)}: the safety backup is restored`
          : 'no way back: no safety backup is taken',
      };
    case 'new_database':
      return { totalMs, downtime: 'none', rollback: 'a moment: the new database is dropped' };
  }
}

function userImpact({ strategy, target }: ImpactQuestion): string {
  const count = (target.database?.sessions ?? []).reduce((sum, session) => sum + session.count, 0);
  switch (strategy) {
    case 'swap':
      return count === 0
        ? 'Nobody is connected now; whoever connects during the rename is refused for that moment.'
        : `${count} sessions are ended at the end, for the rename; whoever connects again works with the restored data.`;
    case 'in_place':
      return `${count} sessions are connected; those that use the restored tables wait until the transaction has ended.`;
    case 'new_database':
      return 'Nobody: nothing that exists is touched.';
  }
}

function dataLoss(question: ImpactQuestion, tables: readonly AffectedTable[]) {
  const { strategy, restoreType, backup } = question;
  if (strategy === 'new_database') {
    return { dataLossRisk: 'Low', dataLossReason: 'Nothing that exists is replaced.' } as const;
  }
  const made = `the backup was made (${backup.manifest.backup.startedAt})`;
  if (restoreType === 'schema_only') {
    const rows = sum(tables, ({ rowsNow }) => rowsNow);
    return rows === 0
      ? ({ dataLossRisk: 'Low', dataLossReason: 'The tables that are made anew have no rows.' } as const)
      : ({
          dataLossRisk: 'High',
          dataLossReason: `Tables are made anew without rows: all ${rows} rows of them are lost.`,
        } as const);
  }
  const newer = tables.filter(({ newerRows }) => (newerRows?.count ?? 0) > 0);
  const fewer = tables.filter(({ rowsNow, rowsInBackup }) => (rowsNow ?? 0) > (rowsInBackup ?? 0));
  if (newer.length > 0) {
    const count = sum(newer, ({ newerRows }) => newerRows?.count ?? 0);
    return {
      dataLossRisk: 'High',
      dataLossReason: `${count} rows of ${names(newer)} came or changed after ${made} and are lost.`,
    } as const;
  }
  if (fewer.length > 0) {
    const count = sum(fewer, ({ rowsNow, rowsInBackup }) => (rowsNow ?? 0) - (rowsInBackup ?? 0));
    return {
      dataLossRisk: 'High',
      dataLossReason: `${names(fewer)} have ${count} rows more now than in the backup; those are lost.`,
    } as const;
  }
  return unseenLoss(tables, made);
}

/** Equal counts prove nothing where rows change without a time of their own. */
function unseenLoss(tables: readonly AffectedTable[], made: string) {
  const untold = tables.filter(
    ({ newerRows, rowsNow, rowsNowIsEstimate }) => newerRows === null && (rowsNow !== 0 || rowsNowIsEstimate),
  );
  return untold.length === 0
    ? ({
        dataLossRisk: 'Low',
        dataLossReason: `No table has more rows than in the backup, and no row shows a time or key after ${made}.`,
      } as const)
    : ({
        dataLossRisk: 'Medium',
        dataLossReason: `No loss shows, but nothing tells whether rows of ${names(untold)} changed after ${made}.`,
      } as const);
}

function sum(tables: readonly AffectedTable[], figure: (table: AffectedTable) => number | null): number {
  return tables.reduce((total, table) => total + (figure(table) ?? 0), 0);
}

function names(tables: readonly AffectedTable[]): string {
  const shown = tables.slice(0, 5).map(({ schema, name }) => `${schema}.${name}`);
  return tables.length > shown.length
    ? `${shown.join(', ')} and ${tables.length - shown.length} more tables`
    : shown.join(', ');
}
