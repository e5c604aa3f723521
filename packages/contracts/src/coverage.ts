/** The coverage report over HTTP: what is in no backup, and why. */
import { type Static, Type } from '@sinclair/typebox';
import { proofLevels } from './proof-levels.ts';
import { Count, Nullable, OneOf, Timestamp } from './schema.ts';

export const findingKinds = [
  'server_unreachable',
  'database_unreachable',
  'not_registered',
  'never_backed_up',
  'no_full_backup',
  'backup_old',
  'unaccepted_anomalies',
  'unreadable_tables',
  'row_security',
  'foreign_tables',
  'unlogged_tables',
  'large_objects',
  'globals',
  'incomplete',
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** `critical`: data would be lost; `warning`: something may be; `info`: good to know. */
export const findingSeverities = ['critical', 'warning', 'info'] as const;

export const CoverageFinding = Type.Object({
  kind: OneOf(findingKinds),
  severity: OneOf(findingSeverities),
  databaseName: Nullable(Type.String({ description: 'Null where it is about the server' })),
  objects: Type.Array(Type.String(), { description: 'The first few; count says how many there are' }),
  count: Count,
  cause: Type.String(),
  remediation: Type.String(),
});
export type CoverageFinding = Static<typeof CoverageFinding>;

export const CoveredDatabase = Type.Object({
  databaseId: Nullable(Type.Integer({ description: 'Null where it is not registered' })),
  name: Type.String(),
  databaseName: Type.String(),
  newestBackup: Nullable(
    Type.Object({
      id: Type.Integer(),
      backupType: Type.String(),
      completedAt: Timestamp,
      ageSeconds: Count,
      proofLevel: Nullable(OneOf(proofLevels)),
    }),
  ),
  newestFullBackupAt: Nullable(Timestamp),
});
export type CoveredDatabase = Static<typeof CoveredDatabase>;

export const CoverageReport = Type.Object(
  {
    generatedAt: Timestamp,
    isComplete: Type.Boolean({ description: 'False where a server or database could not be looked at' }),
    counts: Type.Object({ critical: Count, warning: Count, info: Count }),
    servers: Type.Array(
      Type.Object({
        host: Type.String(),
        port: Type.Integer(),
        serverVersion: Nullable(Type.String()),
        databases: Type.Array(CoveredDatabase),
        findings: Type.Array(CoverageFinding),
      }),
    ),
  },
  { $id: 'CoverageReport' },
);
export type CoverageReport = Static<typeof CoverageReport>;
export type ServerCoverage = CoverageReport['servers'][number];
