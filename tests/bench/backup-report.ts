/** The tables of the backup benchmark, and its figures as JSON. */
import { type Spread, spreadOf } from './measure.ts';

export interface Sample {
  readonly wallSeconds: number;
  /** Clients, worker and server together. */
  readonly cpuSeconds: number;
  readonly storedBytes: number;
  /** Null where no worker was at it. */
  readonly workerPeakBytes: number | null;
}

/** Round for round. */
export interface Measured {
  readonly name: string;
  readonly shown: string;
  readonly byHand: readonly Sample[];
  readonly holdfast: readonly Sample[];
}

export interface BackupFigures {
  readonly size: string;
  readonly rounds: number;
  readonly usual: { readonly name: string; readonly samples: readonly Sample[] };
  readonly pairs: readonly Measured[];
  /** Null where the custom format, which it is compared with, was left out, as are `parts`. */
  readonly encrypted: Measured | null;
  readonly parts: Readonly<Record<string, number>> | null;
  readonly smallPeakBytes: number | null;
}

type Figure = 'wallSeconds' | 'cpuSeconds';
type Print = (line?: string) => void;

const spreadOfRatio = (above: readonly Sample[], below: readonly Sample[], figure: Figure): Spread =>
  spreadOf(above.map((sample, round) => sample[figure] / (below[round]?.[figure] ?? Number.NaN)));

const medianOf = (samples: readonly Sample[], figure: Figure): number =>
  spreadOf(samples.map((sample) => sample[figure])).median;

export function summarize(figures: BackupFigures) {
  const rowOf = ({ name, shown, byHand, holdfast }: Measured) => ({
    name,
    byHand: shown,
    handWallSeconds: medianOf(byHand, 'wallSeconds'),
    handCpuSeconds: medianOf(byHand, 'cpuSeconds'),
    handBytes: byHand[0]?.storedBytes ?? 0,
    wallSeconds: medianOf(holdfast, 'wallSeconds'),
    cpuSeconds: medianOf(holdfast, 'cpuSeconds'),
    storedBytes: holdfast[0]?.storedBytes ?? 0,
    wallRatio: spreadOfRatio(holdfast, byHand, 'wallSeconds'),
    cpuRatio: spreadOfRatio(holdfast, byHand, 'cpuSeconds'),
    wallToPgDump: spreadOfRatio(holdfast, figures.usual.samples, 'wallSeconds'),
    workerPeakBytes: Math.max(...holdfast.map(({ workerPeakBytes }) => workerPeakBytes ?? 0)),
  });
  const named = (name: string): Measured | undefined => figures.pairs.find((pair) => pair.name === name);
  const [custom, single, double] = ['custom', 'directory, 1 job', 'directory, 2 jobs'].map(named);
  const ratioTo = (above: Measured, below: Measured, side: 'byHand' | 'holdfast') => ({
    wallRatio: spreadOfRatio(above[side], below[side], 'wallSeconds'),
    cpuRatio: spreadOfRatio(above[side], below[side], 'cpuSeconds'),
  });
  return {
    rows: figures.pairs.map(rowOf),
    encrypted: figures.encrypted === null ? null : rowOf(figures.encrypted),
    encryptionCosts:
      figures.encrypted === null || custom === undefined
        ? null
        : {
            byHand: ratioTo(figures.encrypted, custom, 'byHand'),
            holdfast: ratioTo(figures.encrypted, custom, 'holdfast'),
          },
    twoJobsToOne:
      single === undefined || double === undefined
        ? null
        : { byHand: ratioTo(double, single, 'byHand'), holdfast: ratioTo(double, single, 'holdfast') },
  };
}

export function printReport(figures: BackupFigures, print: Print): void {
  const { rows, encrypted, encryptionCosts, twoJobsToOne } = summarize(figures);
  const { usual } = figures;
  print(
    `\n${usual.name}: ${medianOf(usual.samples, 'wallSeconds').toFixed(1)} s, CPU ${medianOf(usual.samples, 'cpuSeconds').toFixed(1)} s, ${mb(usual.samples[0]?.storedBytes ?? 0)} MB; CPU is of clients, worker and server together`,
  );
  printTable(rows, print);
  if (encrypted !== null) {
    print('\nwith encryption');
    printTable([encrypted], print);
  }
  printComparison('encrypted to not encrypted', encryptionCosts, print);
  printComparison('directory with 2 jobs to 1', twoJobsToOne, print);
  if (figures.parts !== null) {
    print('\nwhat Holdfast adds to the custom format, CPU seconds of each part alone');
    for (const [name, seconds] of Object.entries(figures.parts)) {
      print(`  ${name.padEnd(54)} ${seconds.toFixed(2)}`);
    }
  }
  const { smallPeakBytes } = figures;
  print(
    `\npeak worker memory with a 50 MB database: ${smallPeakBytes === null ? 'unknown' : mb(smallPeakBytes)} MB`,
  );
}

type Row = ReturnType<typeof summarize>['rows'][number];

function printTable(rows: readonly Row[], print: Print): void {
  const titles = [
    'backup'.padEnd(18),
    '  wall s',
    ' by hand',
    '   CPU s',
    ' by hand',
    '  stored MB',
    ' by hand',
    '  wall ratio       ',
    '  CPU ratio        ',
    '  wall/pg_dump -Fc ',
    ' worker MB',
  ];
  print(`\n${titles.join('')}`);
  for (const row of rows) {
    print(
      [
        row.name.padEnd(18),
        ...[row.wallSeconds, row.handWallSeconds, row.cpuSeconds, row.handCpuSeconds].map((seconds) =>
          seconds.toFixed(1).padStart(8),
        ),
        mb(row.storedBytes).padStart(11),
        mb(row.handBytes).padStart(8),
        ...[row.wallRatio, row.cpuRatio, row.wallToPgDump].map((ratio) => `  ${spread(ratio)}`),
        mb(row.workerPeakBytes).padStart(10),
      ].join(''),
    );
  }
  for (const { name, byHand } of rows) {
    print(`  by hand, ${name}: ${byHand}`);
  }
}

type Comparison = ReturnType<typeof summarize>['twoJobsToOne'];

function printComparison(what: string, comparison: Comparison, print: Print): void {
  if (comparison !== null) {
    print(`\n${what}`);
    for (const [side, { wallRatio, cpuRatio }] of Object.entries(comparison)) {
      print(`  ${side.padEnd(10)} wall ${spread(wallRatio)}  CPU ${spread(cpuRatio)}`);
    }
  }
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
const spread = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`.padEnd(17);
