/** Restores over HTTP: options, the report before one, the operation itself and its progress. */
import { type Static, Type } from '@sinclair/typebox';
import { BackupView, Description, DisplayName } from './backups.ts';
import { DrillResult } from './drills.ts';
import { OperationProgress } from './operations.ts';
import { SchemaDiff } from './schema-diff.ts';
import { Count, ListOf, Nullable, OneOf, pageQuery, Timestamp } from './schema.ts';

export const restoreStatuses = [
  'pending',
  'pre_backup',
  'restoring',
  'completed',
  'failed',
  'cancelled',
] as const;
export const restoreTypes = ['full', 'schema_only', 'data_only', 'selective'] as const;
export const restoreStrategies = ['swap', 'in_place', 'new_database'] as const;
/** `awaiting`: it stays pending, and no worker may take it. */
export const approvalStatuses = ['not_required', 'awaiting', 'approved', 'rejected', 'expired'] as const;
/** In the order in which they run; which of them a restore has is in its plan. */
export const restoreStepNames = [
  'approval',
  'pre_backup',
  'check',
  'restore',
  'verify',
  'swap',
  'commit',
  'analyse',
] as const;

export type RestoreStatus = (typeof restoreStatuses)[number];
export type RestoreType = (typeof restoreTypes)[number];
export type RestoreStrategy = (typeof restoreStrategies)[number];
export type ApprovalStatus = (typeof approvalStatuses)[number];
export type RestoreStepName = (typeof restoreStepNames)[number];

const TableName = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]+$' });
const TableNames = (description: string) =>
  Type.Optional(Type.Array(TableName, { maxItems: 1000, uniqueItems: true, default: [], description }));

const Id = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });

/** For what a person has to say why. */
export const Reason = Type.String({
  minLength: 3,
  maxLength: 2_000,
  pattern: '^[^\\u0000]*[^\\u0000\\s][^\\u0000]*$',
});

const optionFields = {
  sourceBackupId: Id,
  copyId: Type.Optional(
    Type.String({ format: 'uuid', description: 'A copy to read instead of the backup itself' }),
  ),
  displayName: DisplayName,
  description: Type.Optional(Description),
  restoreType: Type.Optional(OneOf(restoreTypes)),
  strategy: Type.Optional(
    OneOf(restoreStrategies, 'Default: the first possible of swap, new_database, in_place'),
  ),
  targetDatabaseId: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: "The registered database on whose server it is restored. Default: the backup's own",
    }),
  ),
  targetDatabase: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 63,
      pattern: '^[^\\u0000-\\u001f\\u007f]+$',
      description: 'Name of the database on that server; default: the one registered',
    }),
  ),
  createPreBackup: Type.Optional(Type.Boolean({ default: true })),
  preBackupWaiverReason: Type.Optional(Reason),
  includedTables: TableNames('Tables to restore (selective): `posts` or `forum.posts`, literal'),
  excludedTables: TableNames('Tables to leave out (selective)'),
  includeIndexes: Type.Optional(Type.Boolean({ default: true })),
  includeConstraints: Type.Optional(Type.Boolean({ default: true })),
  includeTriggers: Type.Optional(Type.Boolean({ default: true })),
  allowUnpatchedClient: Type.Optional(
    Type.Boolean({
      default: false,
      description: 'Restore what was made elsewhere also by a client with known flaws that let it run code',
    }),
  ),
};

export const RestoreOptions = Type.Object(optionFields, { additionalProperties: false });
export type RestoreOptions = Static<typeof RestoreOptions>;

export const CreateRestore = Type.Object(
  {
    ...optionFields,
    confirmationToken: Type.String({ minLength: 1, maxLength: 200 }),
    confirmTarget: Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'The name of the target database, typed by the person who confirms',
    }),
  },
  { additionalProperties: false },
);
export type CreateRestore = Static<typeof CreateRestore>;

/** A sentence that stands against a restore, or should be known before it, and what to do about it. */
export const Finding = Type.Object({
  code: Type.String(),
  detail: Type.String(),
  remediation: Type.String(),
});
export type Finding = Static<typeof Finding>;

export const RestoreStep = Type.Object({ name: OneOf(restoreStepNames), description: Type.String() });
export type RestoreStep = Static<typeof RestoreStep>;

const RelationName = Type.Object({ schema: Type.String(), name: Type.String() });

/** Decided before the restore was confirmed; the worker carries out this and nothing else. */
export const RestorePlan = Type.Object({
  strategy: OneOf(restoreStrategies),
  steps: Type.Array(RestoreStep),
  target: Type.Object({
    databaseId: Type.Integer({ description: 'The registered database whose server and role are used' }),
    database: Type.String(),
    exists: Type.Boolean(),
  }),
  tables: Nullable(
    Type.Array(RelationName, {
      description: 'Tables of the backup to restore, partitions included; null: everything in it',
    }),
  ),
  allowUnpatchedClient: Type.Boolean(),
});
export type RestorePlan = Static<typeof RestorePlan>;

export const AffectedTable = Type.Object({
  schema: Type.String(),
  name: Type.String(),
  rowsNow: Nullable(Count),
  rowsNowIsEstimate: Type.Boolean(),
  rowsInBackup: Nullable(Count),
  newerRows: Nullable(
    Type.Object(
      { column: Type.String(), count: Count },
      { description: 'Rows whose time in this column is later than the backup; null where no column tells' },
    ),
  ),
});
export type AffectedTable = Static<typeof AffectedTable>;

export const ConnectedSessions = Type.Object({
  user: Type.String(),
  application: Type.String(),
  count: Type.Integer(),
});
export type ConnectedSessions = Static<typeof ConnectedSessions>;

export const Check = Type.Object({
  name: Type.String(),
  status: OneOf(['passed', 'warned', 'failed', 'skipped']),
  detail: Type.String(),
});
export type Check = Static<typeof Check>;

export const RestoreValidation = Type.Object(
  {
    backup: BackupView,
    validation: Type.Object({
      valid: Type.Boolean(),
      fileSize: Count,
      lastModified: Nullable(Timestamp),
      warnings: Type.Array(Type.String()),
      checks: Type.Array(Check, { description: 'What was looked at, and what was found' }),
    }),
    impactAssessment: Type.Object({
      estimatedDowntime: Type.String(),
      affectedTables: Type.Array(Type.String()),
      dataLossRisk: OneOf(['Low', 'Medium', 'High']),
      dataLossReason: Type.String(),
      rollbackTime: Type.String(),
      userImpact: Type.String(),
      basis: Type.String({ description: 'Where the durations come from' }),
      tables: Type.Array(AffectedTable),
      sessions: Type.Array(ConnectedSessions),
    }),
    warnings: Type.Array(Type.String()),
    confirmationRequired: Type.Boolean(),
    estimatedDuration: Type.Integer({ description: 'Seconds' }),
    plan: Type.Object({
      strategy: Nullable(OneOf(restoreStrategies)),
      possibleStrategies: Type.Array(OneOf(restoreStrategies)),
      impossibleStrategies: Type.Array(
        Type.Object({ strategy: OneOf(restoreStrategies), reason: Type.String() }),
      ),
      steps: Type.Array(RestoreStep),
      blockers: Type.Array(Finding),
      warnings: Type.Array(Finding),
    }),
    schemaDiff: SchemaDiff,
    approval: Type.Object({
      isRequired: Type.Boolean(),
      possibleApprovers: Type.Integer({ description: 'People who could, other than who asks' }),
    }),
    confirmTarget: Type.String({ description: 'What the person has to type' }),
    confirmationToken: Nullable(Type.String()),
    confirmationExpiresAt: Nullable(Timestamp),
  },
  { $id: 'RestoreValidation' },
);
export type RestoreValidation = Static<typeof RestoreValidation>;

/** What was assessed before the restore, as its row keeps it. */
export const StoredImpact = Type.Pick(RestoreValidation.properties.impactAssessment, [
  'estimatedDowntime',
  'dataLossRisk',
  'dataLossReason',
  'rollbackTime',
  'userImpact',
  'basis',
]);
export type StoredImpact = Static<typeof StoredImpact>;

export const RestoreView = Type.Object(
  {
    id: Type.Integer(),
    operationId: Type.String(),
    displayName: Type.String(),
    description: Nullable(Type.String()),
    sourceBackupId: Type.Integer(),
    copyId: Nullable(Type.String()),
    sourceFilename: Type.String(),
    restoreType: OneOf(restoreTypes),
    strategy: OneOf(restoreStrategies),
    databaseId: Type.Integer({ description: 'The registered database whose server it is restored on' }),
    targetDatabase: Type.String(),
    preRestoreBackupId: Nullable(Type.Integer()),
    createPreBackup: Type.Boolean(),
    preBackupWaiverReason: Nullable(Type.String()),
    includedTables: Type.Array(Type.String()),
    excludedTables: Type.Array(Type.String()),
    includeIndexes: Type.Boolean(),
    includeConstraints: Type.Boolean(),
    includeTriggers: Type.Boolean(),
    plan: RestorePlan,
    status: OneOf(restoreStatuses),
    attempt: Type.Integer(),
    retryCount: Type.Integer(),
    startedAt: Nullable(Timestamp),
    preBackupCompletedAt: Nullable(Timestamp),
    restoreStartedAt: Nullable(Timestamp),
    completedAt: Nullable(Timestamp),
    duration: Nullable(Type.Integer({ description: 'Seconds' })),
    progressPercent: Type.Integer(),
    currentStep: Nullable(Type.String()),
    estimatedTimeRemaining: Nullable(Type.Integer()),
    tablesRestored: Type.Integer(),
    rowsRestored: Count,
    dataSize: Count,
    errorCode: Nullable(Type.String()),
    errorMessage: Nullable(Type.String()),
    errorRemediation: Nullable(Type.String()),
    errorStep: Nullable(Type.String()),
    canRollback: Type.Boolean(),
    rollbackExpiresAt: Nullable(Timestamp),
    rolledBackAt: Nullable(Timestamp),
    keptDatabase: Nullable(
      Type.String({ description: 'The original under the name it has since the swap, until it is dropped' }),
    ),
    initiatedBy: Nullable(Type.String()),
    approvalStatus: OneOf(approvalStatuses),
    approvalExpiresAt: Nullable(Timestamp),
    approvedBy: Nullable(Type.String()),
    rejectedBy: Nullable(Type.String()),
    decidedAt: Nullable(Timestamp),
    decisionReason: Nullable(Type.String()),
    validationWarnings: Type.Array(Type.String()),
    impactAssessment: StoredImpact,
    verification: Nullable(DrillResult),
    createdAt: Timestamp,
    metadata: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'Restore' },
);
export type RestoreView = Static<typeof RestoreView>;

export const RestoreList = ListOf(RestoreView);

export const ListRestoresQuery = Type.Object(
  {
    ...pageQuery,
    sortBy: Type.Optional(OneOf(['createdAt'])),
    status: Type.Optional(Type.Array(OneOf(restoreStatuses))),
    restoreType: Type.Optional(Type.Array(OneOf(restoreTypes))),
    approvalStatus: Type.Optional(Type.Array(OneOf(approvalStatuses))),
    sourceBackupId: Type.Optional(Id),
    databaseId: Type.Optional(Id),
  },
  { additionalProperties: false },
);
export type ListRestoresQuery = Static<typeof ListRestoresQuery>;

export const RestoreProgress = Type.Composite(
  [
    OperationProgress,
    Type.Object({
      operationId: Type.String(),
      status: OneOf(restoreStatuses),
      canRollback: Type.Boolean(),
    }),
  ],
  { $id: 'RestoreProgress' },
);
export type RestoreProgress = Static<typeof RestoreProgress>;

export const Decision = Type.Object({ reason: Reason }, { additionalProperties: false });
export type Decision = Static<typeof Decision>;
