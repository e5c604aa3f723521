/** Backups over HTTP: requests, rows and the manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable, OneOf, Pagination, pageQuery, Timestamp } from './schema.ts';

export const backupTypes = ['full', 'schema', 'selective'] as const;
export const backupSources = ['manual', 'scheduled', 'pre_restore', 'imported'] as const;
export const backupStatuses = [
  'pending',
  'running',
  'completed',
  'failed',
  'cancelled',
  'deleting',
  'deleted',
] as const;
export const backupFormats = ['custom', 'plain', 'tar', 'directory'] as const;
export const compressionTypes = ['gzip', 'none', 'zstd'] as const;
export const proofLevels = ['stored', 'listed', 'restored'] as const;

export type BackupType = (typeof backupTypes)[number];
export type BackupSource = (typeof backupSources)[number];
export type BackupStatus = (typeof backupStatuses)[number];
export type BackupFormat = (typeof backupFormats)[number];
export type CompressionType = (typeof compressionTypes)[number];
export type ProofLevel = (typeof proofLevels)[number];

/** Names in a selection are literal: `posts`, or `forum.posts` with its schema. No NUL, no line break. */
const SelectedName = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]+$' });
const Selection = (what: string, byDefault: string[]) =>
  Type.Optional(
    Type.Array(SelectedName, { maxItems: 1000, uniqueItems: true, default: byDefault, description: what }),
  );

/** A label a person reads, never part of a path. */
const Tag = Type.String({ minLength: 1, maxLength: 100, pattern: '^(?!.*\\.\\.)[^/\\\\\\u0000-\\u001f]+$' });
const DisplayName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\u0000-\\u001f]*[^\\u0000-\\u001f\\s][^\\u0000-\\u001f]*$',
});

export const CreateBackup = Type.Object(
  {
    displayName: DisplayName,
    description: Type.Optional(Type.String({ maxLength: 10_000, pattern: '^[^\\u0000]*$' })),
    backupType: Type.Optional(OneOf(backupTypes)),
    backupFormat: Type.Optional(
      OneOf(['custom'], 'The PostgreSQL archive format; further formats are not offered yet'),
    ),
    includedTables: Selection('Tables to back up (selective)', []),
    includedSchemas: Selection(
      'Schemas to back up (selective); a full or schema backup takes every schema',
      [],
    ),
    excludedTables: Selection('Tables to leave out (selective)', []),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true, default: [] })),
    compressionType: Type.Optional(OneOf(compressionTypes)),
    compressionLevel: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 19, description: 'gzip 1 to 9, zstd 1 to 19' }),
    ),
    isProtected: Type.Optional(Type.Boolean({ default: false })),
    databaseId: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description: 'Default: the first registered database',
      }),
    ),
  },
  { additionalProperties: false },
);
export type CreateBackup = Static<typeof CreateBackup>;

export const BackupAccepted = Type.Object({ backupId: Type.Integer(), message: Type.String() });

export const ListBackupsQuery = Type.Object(
  {
    ...pageQuery,
    sortBy: Type.Optional(OneOf(['createdAt', 'displayName', 'fileSize', 'duration'])),
    status: Type.Optional(Type.Array(OneOf(backupStatuses))),
    backupType: Type.Optional(Type.Array(OneOf(backupTypes))),
    source: Type.Optional(Type.Array(OneOf(backupSources))),
    search: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    startDate: Type.Optional(Timestamp),
    endDate: Type.Optional(Timestamp),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, description: 'Backups that carry all of these' })),
  },
  { additionalProperties: false },
);
export type ListBackupsQuery = Static<typeof ListBackupsQuery>;

export const BackupView = Type.Object(
  {
    id: Type.Integer(),
    filename: Type.String(),
    displayName: Type.String(),
    description: Nullable(Type.String()),
    backupType: OneOf(backupTypes),
    source: OneOf(backupSources),
    databaseId: Type.Integer(),
    databaseName: Type.String(),
    filePath: Type.String({ description: 'Relative to the storage target' }),
    fileSize: Count,
    uncompressedSize: Nullable(Count),
    checksumMd5: Nullable(Type.String()),
    checksumSha256: Nullable(Type.String()),
    compressionType: OneOf(compressionTypes),
    compressionLevel: Nullable(Type.Integer()),
    postgresVersion: Nullable(Type.String()),
    backupFormat: OneOf(backupFormats),
    includedTables: Type.Array(Type.String()),
    includedSchemas: Type.Array(Type.String()),
    excludedTables: Type.Array(Type.String()),
    status: OneOf(backupStatuses),
    startedAt: Nullable(Timestamp),
    completedAt: Nullable(Timestamp),
    duration: Nullable(Type.Integer({ description: 'Seconds' })),
    errorMessage: Nullable(Type.String()),
    errorCode: Nullable(Type.String()),
    errorRemediation: Nullable(Type.String()),
    retryCount: Type.Integer(),
    attempt: Type.Integer(),
    scheduleId: Nullable(Type.Integer()),
    scheduledFor: Nullable(Timestamp),
    createdBy: Nullable(Type.String()),
    createdAt: Timestamp,
    expiresAt: Nullable(Timestamp),
    isProtected: Type.Boolean(),
    tags: Type.Array(Type.String()),
    metadata: Type.Record(Type.String(), Type.Unknown()),
    storageTarget: Type.String(),
    proofLevel: Nullable(OneOf(proofLevels)),
    provedAt: Nullable(Timestamp),
    damagedAt: Nullable(Timestamp),
    damage: Nullable(Type.String({ description: 'What the last reading of the stored file found wrong' })),
  },
  { $id: 'Backup' },
);
export type BackupView = Static<typeof BackupView>;

/** As the storage tells without reading it; null where it did not answer. */
export const BackupFile = Type.Object({
  exists: Nullable(Type.Boolean()),
  sizeBytes: Nullable(Count),
  lastModified: Nullable(Timestamp),
  matchesSize: Nullable(Type.Boolean()),
  errorCode: Nullable(Type.String()),
});
export type BackupFile = Static<typeof BackupFile>;

export const BackupDetail = Type.Composite([BackupView, Type.Object({ file: Nullable(BackupFile) })], {
  $id: 'BackupDetail',
});
export type BackupDetail = Static<typeof BackupDetail>;

export const BackupList = Type.Object({
  items: Type.Array(BackupView),
  pagination: Type.Composite([
    Pagination,
    Type.Object({
      totalIsExact: Type.Boolean({
        description: 'False where words or tags are looked for and more than `total` backups have them',
      }),
    }),
  ]),
});
