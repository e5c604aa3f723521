/** Backups over HTTP: requests, rows and the manifest. */
import { type Static, Type } from '@sinclair/typebox';
import { Anomaly } from './anomalies.ts';
import { BackupCopyView, CopyTargets, copyPolicyFields } from './copies.ts';
import { operationFields, storedStatuses } from './operations.ts';
import { proofLevels } from './proof-levels.ts';
import { Count, NullOr, Nullable, OneOf, Pagination, pageQuery, Timestamp } from './schema.ts';

export const backupTypes = ['full', 'schema', 'selective'] as const;
export const backupSources = ['manual', 'scheduled', 'pre_restore', 'imported'] as const;
export const backupStatuses = storedStatuses;
export const backupFormats = ['custom', 'plain', 'tar', 'directory'] as const;
export const compressionTypes = ['gzip', 'none', 'zstd'] as const;

export type BackupType = (typeof backupTypes)[number];
export type BackupSource = (typeof backupSources)[number];
export type BackupStatus = (typeof backupStatuses)[number];
export type BackupFormat = (typeof backupFormats)[number];
export type CompressionType = (typeof compressionTypes)[number];

/**
 * Names in a selection are literal: `posts`, `forum.posts` with its schema, or `"odd.schema"."odd.table"` quoted as in SQL where dots make
 * the plain form mean two things. Only with `selectionPatterns` are `*` (any characters) and `?` (one) wildcards; a backslash makes the
 * next character literal. A partitioned table stands for its partitions too. No NUL, no line break.
 */
const SelectedName = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]+$' });
const Selection = (what: string, byDefault: string[]) =>
  Type.Optional(
    Type.Array(SelectedName, { maxItems: 1000, uniqueItems: true, default: byDefault, description: what }),
  );

/** A label a person reads, never part of a path. */
export const Tag = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^(?!.*\\.\\.)[^/\\\\\\u0000-\\u001f]+$',
});
export const DisplayName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\u0000-\\u001f]*[^\\u0000-\\u001f\\s][^\\u0000-\\u001f]*$',
});

export const Description = Type.String({ maxLength: 10_000, pattern: '^[^\\u0000]*$' });
export const ExpiresAt = NullOr(
  Type.String({ format: 'date-time', description: 'When the backup may be removed by itself; null: never' }),
);

/** An X25519 recipient of the age format. Public: it only closes, never opens. */
export const ageRecipientPattern = '^age1[02-9ac-hj-np-z]{58}$';
const AgeRecipient = Type.String({ pattern: ageRecipientPattern });

/** How the stored file is encrypted. */
export const BackupEncryption = Type.Object({
  format: Type.Literal('age'),
  recipients: Type.Array(AgeRecipient, { minItems: 1 }),
});
export type BackupEncryption = Static<typeof BackupEncryption>;

export const CreateBackup = Type.Object(
  {
    displayName: DisplayName,
    description: Type.Optional(Description),
    backupType: Type.Optional(OneOf(backupTypes)),
    backupFormat: Type.Optional(
      OneOf(backupFormats, "pg_dump's format; a directory is stored as one tar. Default: custom"),
    ),
    includedTables: Selection('Tables to back up (selective)', []),
    includedSchemas: Selection(
      'Schemas to back up (selective); a full or schema backup takes every schema',
      [],
    ),
    excludedTables: Selection('Tables to leave out (selective)', []),
    excludedTableData: Selection('Tables whose definition is kept but whose rows are left out', []),
    selectionPatterns: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Names of the selection may hold the wildcards * and ?; a backslash makes the next character literal',
      }),
    ),
    includeGlobals: Type.Optional(
      Type.Boolean({
        default: false,
        description: "The server's roles and tablespaces as a second file beside the backup",
      }),
    ),
    includeRolePasswords: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Password hashes of the roles too; needs a superuser on the target',
      }),
    ),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true, default: [] })),
    compressionType: Type.Optional(OneOf(compressionTypes)),
    compressionLevel: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 19, description: 'gzip 1 to 9, zstd 1 to 19' }),
    ),
    encryptionRecipients: Type.Optional(
      Type.Array(AgeRecipient, {
        maxItems: 20,
        uniqueItems: true,
        description:
          'age recipients the file is encrypted for; default: those configured; an empty list: not encrypted',
      }),
    ),
    jobs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        description:
          'Tables dumped at once, only with the format directory; each takes a connection. Default: 1',
      }),
    ),
    isProtected: Type.Optional(Type.Boolean({ default: false })),
    /** Left out: after default_retention_days of the settings. */
    expiresAt: Type.Optional(ExpiresAt),
    databaseId: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description: 'Default: the first registered database',
      }),
    ),
    storageTarget: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2_000,
        pattern: '^[^\\u0000-\\u001f]+$',
        description:
          "One of the storage locations of settings and databases. Default: the database's, else the settings'",
      }),
    ),
    /** Left out: those of the database, else of the settings. An empty list: none. */
    copies: Type.Optional(CopyTargets),
    copyPolicy: Type.Optional(copyPolicyFields.copyPolicy),
    minCopies: Type.Optional(copyPolicyFields.minCopies),
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
    isAnomalous: Type.Optional(
      Type.Boolean({ description: 'Those with anomalies that nobody has accepted, or all others' }),
    ),
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
    encryption: Nullable(BackupEncryption),
    postgresVersion: Nullable(Type.String()),
    backupFormat: OneOf(backupFormats),
    jobs: Type.Integer({ description: 'Tables dumped at once' }),
    includedTables: Type.Array(Type.String()),
    includedSchemas: Type.Array(Type.String()),
    excludedTables: Type.Array(Type.String()),
    excludedTableData: Type.Array(Type.String()),
    selectionPatterns: Type.Boolean(),
    includeGlobals: Type.Boolean(),
    includeRolePasswords: Type.Boolean(),
    status: OneOf(backupStatuses),
    ...operationFields,
    scheduleId: Nullable(Type.Integer()),
    scheduledFor: Nullable(Timestamp),
    expiresAt: Nullable(Timestamp),
    isProtected: Type.Boolean(),
    tags: Type.Array(Type.String()),
    metadata: Type.Record(Type.String(), Type.Unknown()),
    storageTarget: Nullable(
      Type.String({ description: 'URL of where the bytes lie; null until the first attempt' }),
    ),
    copies: Nullable(
      Type.Array(Type.String(), {
        description: 'Targets that the pass had to copy to; null until the first attempt has chosen',
      }),
    ),
    ...copyPolicyFields,
    proofLevel: Nullable(OneOf(proofLevels)),
    provedAt: Nullable(Timestamp),
    damagedAt: Nullable(Timestamp),
    isTrusted: Type.Boolean({
      description: 'Whether it may be restored: false for what was made elsewhere, until an admin says so',
    }),
    isManifestSigned: Type.Boolean({
      description: 'False where the catalogue took a manifest that this installation did not sign',
    }),
    damage: Nullable(Type.String({ description: 'What the last reading of the stored file found wrong' })),
    anomalies: Type.Array(Anomaly, {
      description: "Where it differs from this database's history; the largest losses of tables first",
    }),
    isAnomalous: Type.Boolean({
      description: 'It has anomalies that nobody has accepted: it does not count as a good backup',
    }),
    anomaliesAcceptedAt: Nullable(Timestamp),
    anomaliesAcceptedBy: Nullable(Type.String()),
    anomaliesAcceptedReason: Nullable(Type.String()),
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

export const BackupDetail = Type.Composite(
  [
    BackupView,
    Type.Object({
      file: Nullable(BackupFile),
      storedCopies: Type.Array(BackupCopyView, {
        description: 'The copies that are not deleted, with their state',
      }),
    }),
  ],
  { $id: 'BackupDetail' },
);
export type BackupDetail = Static<typeof BackupDetail>;

export const BackupList = Type.Object({
  items: Type.Array(BackupView),
  pagination: Type.Composite([
    Pagination,
    Type.Object({
      totalIsExact: Type.Boolean({
        description:
          'False where words, tags or anomalies are looked for and more than `total` backups have them',
      }),
    }),
  ]),
});
