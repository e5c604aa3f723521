/** Projects size and duration of a backup from what earlier ones of its database came to, else from a stated model. Pure. */
import type { BackupEstimate } from '@holdfast/contracts/backup-estimates';
import type { BackupType, CompressionType } from '@holdfast/contracts/backups';

/** A completed backup of the same database. */
export interface EarlierBackup {
  readonly backupType: BackupType;
  readonly compressionType: CompressionType;
  readonly rawBytes: number;
  readonly storedBytes: number;
  /** Whole seconds, at least 1. */
  readonly durationSeconds: number;
  /** Of the tables whose rows were dumped, on the server's disk; null where it was not recorded. */
  readonly tableBytes: number | null;
}

export interface Projected {
  readonly backupType: BackupType;
  readonly compressionType: CompressionType;
  readonly tableBytes: number;
  readonly tableCount: number;
}

export type Projection = Pick<BackupEstimate, 'rawBytes' | 'storedBytes' | 'durationSeconds'>;

/** As measured with the demo forum on two cores: COPY text per byte of table, stored per raw byte, raw bytes a second. */
const model = {
  rawPerTableByte: 0.95,
  rawPerTableOfSchema: 2_000,
  stored: { none: 1, gzip: 0.34, zstd: 0.34 },
  bytesPerSecond: { none: 150_000_000, gzip: 40_000_000, zstd: 120_000_000 },
} as const;

export function projectSize(planned: Projected, history: readonly EarlierBackup[]): Projection {
  const { compressionType } = planned;
  const raw = projectRaw(planned, history);
  const alike = history.filter(
    (earlier) => earlier.compressionType === compressionType && earlier.rawBytes > 0,
  );
  const stored = ratio(
    alike,
    (one) => one.storedBytes,
    (one) => one.rawBytes,
  );
  const speed = ratio(
    alike,
    (one) => one.rawBytes,
    (one) => one.durationSeconds,
  );
  const storedShare = model.stored[compressionType];
  const modelSpeed = model.bytesPerSecond[compressionType];
  return {
    rawBytes: raw,
    storedBytes: {
      value: Math.ceil(raw.value * (stored ?? storedShare)),
      basis: basisOf(alike, `${compressionType} leaves ${Math.round(storedShare * 100)} % of the raw bytes`),
    },
    durationSeconds: {
      value: Math.max(1, Math.ceil(raw.value / (speed ?? modelSpeed))),
      basis: basisOf(alike, `${modelSpeed / 1_000_000} MB of raw bytes a second`),
    },
  };
}

function projectRaw(
  { backupType, tableBytes, tableCount }: Projected,
  history: readonly EarlierBackup[],
): Projection['rawBytes'] {
  if (backupType === 'schema') {
    const schemas = history.filter((earlier) => earlier.backupType === 'schema');
    const perBackup = ratio(
      schemas,
      (one) => one.rawBytes,
      () => 1,
    );
    return {
      value: Math.round(perBackup ?? tableCount * model.rawPerTableOfSchema),
      basis: basisOf(schemas, `${model.rawPerTableOfSchema} bytes for each table, view and sequence`),
    };
  }
  const measured = history.filter((one) => one.backupType !== 'schema' && (one.tableBytes ?? 0) > 0);
  const perByte = ratio(
    measured,
    (one) => one.rawBytes,
    (one) => one.tableBytes ?? 0,
  );
  return {
    value: Math.round(tableBytes * (perByte ?? model.rawPerTableByte)),
    basis: basisOf(measured, `${model.rawPerTableByte} bytes for each byte of the tables`),
  };
}

type Measure = (earlier: EarlierBackup) => number;

/** Over all of them together, so that a small backup counts little; null where there is none. */
function ratio(history: readonly EarlierBackup[], above: Measure, below: Measure): number | null {
  const sum = (measure: Measure): number => history.reduce((total, earlier) => total + measure(earlier), 0);
  return history.length === 0 ? null : sum(above) / sum(below);
}

function basisOf(history: readonly EarlierBackup[], assumed: string): string {
  if (history.length === 0) {
    return `model: ${assumed}`;
  }
  return `from ${history.length} earlier ${history.length === 1 ? 'backup' : 'backups'} of this database`;
}
