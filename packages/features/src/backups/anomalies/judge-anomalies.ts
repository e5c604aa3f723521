/** Whether a backup is what its database's history lets expect: the median of earlier ones and how far they usually lie from it. Pure. */
import type { Anomaly, AnomalyKind } from '@holdfast/contracts/anomalies';
import { sayBytes } from '../say-bytes.ts';

export interface BackupFigures {
  readonly storedBytes: number;
  /** Null where it is not known, as is `durationSeconds`. */
  readonly rawBytes: number | null;
  readonly durationSeconds: number | null;
  /** Rows by the table's name with its schema. */
  readonly tables: ReadonlyMap<string, number>;
}

/** A good one of the same database, type, selection and format. */
export interface EarlierFigures extends BackupFigures {
  /** Compressed alike: only then do stored bytes and time compare. */
  readonly isCompressedAlike: boolean;
  /** What was unusual about it and was accepted. */
  readonly accepted: readonly Pick<Anomaly, 'kind' | 'table' | 'actual'>[];
}

/**
 * Below this share of the usual figure a size or a number of rows is far too small. Nearer to 1, a purge of old rows marks a backup each
 * time and people learn to accept without looking; nearer to 0, a database that lost most of its rows passes.
 */
const smallShare = 0.5;
/** Above this multiple a size or a time is far too large. Nearer to 1, an import or a busy server marks; higher, a runaway log table passes. */
const largeMultiple = 3;
/**
 * As many usual deviations from the median still pass, however far that is: a figure that swings is not unusual when it swings. Fewer marks
 * a queue's table whenever it happens to be empty; more lets one outlier among the earlier backups hide the next.
 */
const usualDeviations = 6;
/** So that the median of absolute deviations means what a standard deviation does. */
const deviationScale = 1.4826;
/** Fewer earlier sizes or times tell nobody what is usual: a new database grows, and its first backups take what the machine's caches make of them. */
const leastHistory = 3;
/** Rows don't go by themselves: one earlier backup is enough to miss them, and waiting for more would miss the loss. */
const leastRowHistory = 1;
/** Smaller differences are nobody's loss: catalogue entries, the noise of a small database. */
const leastBytes = 1024 * 1024;
const leastSeconds = 60;
/** A table or database of fewer rows is judged by no share: two of three rows of configuration are no sign of anything. */
const leastRows = 20;
/** A database whose thousands of tables were all emptied is told by the worst of them and by `rows_few`. */
const mostTables = 50;

export function judgeAnomalies(backup: BackupFigures, history: readonly EarlierFigures[]): Anomaly[] {
  return [
    ...measures.flatMap((measure) => judgeMeasure(measure, backup, history)),
    ...judgeTables(backup, history),
  ];
}

interface Measure {
  readonly read: (figures: BackupFigures) => number | null;
  readonly few: AnomalyKind | null;
  readonly many: AnomalyKind | null;
  readonly isComparable: (earlier: EarlierFigures) => boolean;
  readonly leastHistory: number;
  readonly leastDifference: number;
  readonly leastUsual: number;
  readonly say: (actual: number, expected: number, basis: string) => string;
}

const sayRows = (rows: number): string => `${rows} ${rows === 1 ? 'row' : 'rows'}`;

const measures: readonly Measure[] = [
  {
    read: ({ storedBytes }) => storedBytes,
    few: 'stored_size_small',
    many: 'stored_size_large',
    isComparable: ({ isCompressedAlike }) => isCompressedAlike,
    leastHistory,
    leastDifference: leastBytes,
    leastUsual: 0,
    say: (actual, expected, basis) =>
      `The stored file takes ${sayBytes(actual)} where ${sayBytes(expected)} are usual, ${basis}.`,
  },
  {
    read: ({ rawBytes }) => rawBytes,
    few: 'raw_size_small',
    many: 'raw_size_large',
    isComparable: () => true,
    leastHistory,
    leastDifference: leastBytes,
    leastUsual: 0,
    say: (actual, expected, basis) =>
      `The archive holds ${sayBytes(actual)} before compression where ${sayBytes(expected)} are usual, ${basis}.`,
  },
  {
    read: ({ tables }) => [...tables.values()].reduce((sum, rows) => sum + rows, 0),
    few: 'rows_few',
    many: null,
    isComparable: () => true,
    leastHistory: leastRowHistory,
    leastDifference: 0,
    leastUsual: leastRows,
    say: (actual, expected, basis) =>
      `All tables together have ${sayRows(actual)} where ${expected} are usual, ${basis}.`,
  },
  {
    read: ({ durationSeconds }) => durationSeconds,
    few: null,
    many: 'slow',
    isComparable: ({ isCompressedAlike }) => isCompressedAlike,
    leastHistory,
    leastDifference: leastSeconds,
    leastUsual: 0,
    say: (actual, expected, basis) => `It took ${actual} s where ${expected} s are usual, ${basis}.`,
  },
];

function judgeMeasure(
  { read, isComparable, say, few, many, ...limits }: Measure,
  backup: BackupFigures,
  history: readonly EarlierFigures[],
): Anomaly[] {
  const actual = read(backup);
  const series = history.filter(isComparable).flatMap((earlier) => read(earlier) ?? []);
  if (actual === null || series.length < limits.leastHistory) {
    return [];
  }
  const { median } = usualOf(series);
  if (median < limits.leastUsual || Math.abs(actual - median) < limits.leastDifference) {
    return [];
  }
  const found = (kind: AnomalyKind): Anomaly[] => {
    const expected = Math.round(median);
    const basis = basisOf(series);
    return [{ kind, table: null, expected, actual, basis, sentence: say(actual, expected, basis) }];
  };
  if (few !== null && actual < lowestUsual(series, acceptedOf(history, [few], null))) {
    return found(few);
  }
  return many !== null && actual > highestUsual(series, acceptedOf(history, [many], null)) ? found(many) : [];
}

/** Tables of the newest earlier backup that lost most of their rows, or are gone; the largest losses first. */
function judgeTables(backup: BackupFigures, history: readonly EarlierFigures[]): Anomaly[] {
  const newest = history[0]?.tables ?? new Map<string, number>();
  return [...newest.keys()]
    .flatMap((table) => judgeTable(table, backup, history))
    .sort((a, b) => b.expected - b.actual - (a.expected - a.actual))
    .slice(0, mostTables);
}

function judgeTable(table: string, backup: BackupFigures, history: readonly EarlierFigures[]): Anomaly[] {
  const series = history.flatMap(({ tables }) => tables.get(table) ?? []);
  const { median } = usualOf(series);
  const found = backup.tables.get(table);
  const actual = found ?? 0;
  const accepted = acceptedOf(history, ['table_rows_few', 'table_missing'], table);
  if (series.length < leastRowHistory || median < leastRows || actual >= lowestUsual(series, accepted)) {
    return [];
  }
  const expected = Math.round(median);
  const basis = basisOf(series);
  return [
    {
      kind: found === undefined ? 'table_missing' : 'table_rows_few',
      table,
      expected,
      actual,
      basis,
      sentence:
        found === undefined
          ? `Table ${table} is gone; it usually has ${sayRows(expected)}, ${basis}.`
          : `Table ${table} has ${sayRows(actual)} where ${expected} are usual, ${basis}.`,
    },
  ];
}

interface Usual {
  readonly median: number;
  readonly deviation: number;
}

function usualOf(series: readonly number[]): Usual {
  const median = medianOf(series);
  return { median, deviation: deviationScale * medianOf(series.map((value) => Math.abs(value - median))) };
}

/** What is not below the newest good one (the first of the series) has lost nothing; what was accepted is usual, too. */
function lowestUsual(series: readonly number[], accepted: readonly number[]): number {
  const { median, deviation } = usualOf(series);
  return Math.min(
    median * smallShare,
    median - usualDeviations * deviation,
    series[0] ?? 0,
    ...accepted.map((level) => level * smallShare),
  );
}

function highestUsual(series: readonly number[], accepted: readonly number[]): number {
  const { median, deviation } = usualOf(series);
  return Math.max(
    median * largeMultiple,
    median + usualDeviations * deviation,
    series[0] ?? 0,
    ...accepted.map((level) => level * largeMultiple),
  );
}

function acceptedOf(
  history: readonly EarlierFigures[],
  kinds: readonly AnomalyKind[],
  table: string | null,
): number[] {
  return history.flatMap(({ accepted }) =>
    accepted.filter((one) => kinds.includes(one.kind) && one.table === table).map(({ actual }) => actual),
  );
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

function basisOf({ length }: readonly number[]): string {
  return `from ${length} earlier ${length === 1 ? 'backup' : 'backups'}`;
}
