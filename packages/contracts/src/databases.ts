/** The registry of databases over HTTP. Passwords go in and never come out. */
import { type Static, Type } from '@sinclair/typebox';
import { Tag } from './backups.ts';
import { CopyTargets } from './copies.ts';
import { Count, ListOf, NullOr, Nullable, OneOf, pageQuery, StorageLocation, Timestamp } from './schema.ts';

export const databaseSslModes = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] as const;
export const databaseOrigins = ['registered', 'environment', 'rebuilt'] as const;

const noControl = '^[^\\u0000-\\u001f\\u007f]+$';
const EntryName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\u0000-\\u001f\\u007f]*[^\\u0000-\\u001f\\u007f\\s][^\\u0000-\\u001f\\u007f]*$',
  description: 'What people call it',
});

export const DatabaseInput = Type.Object(
  {
    name: EntryName,
    // One host: a list would let a server be chosen by whoever answers first. A folder holds a Unix socket.
    host: Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^(/[^\\u0000-\\u001f,]*|[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?)$',
      description: 'Host name, address, or folder of a Unix socket',
    }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, default: 5432 })),
    databaseName: Type.String({
      minLength: 1,
      maxLength: 63,
      pattern: noControl,
      description: 'As the server knows it; always a name, never a connection string',
    }),
    username: Type.String({ minLength: 1, maxLength: 63, pattern: noControl }),
    password: Type.Optional(
      NullOr(
        Type.String({
          minLength: 1,
          maxLength: 1000,
          pattern: '^[^\\u0000]+$',
          description: 'Write-only. Left out in a change: stays; null: none',
        }),
      ),
    ),
    sslMode: Type.Optional(OneOf(databaseSslModes, 'As libpq has them; default: prefer')),
    sslRootCert: Type.Optional(
      NullOr(
        Type.String({
          maxLength: 4096,
          pattern: '^/[^\\u0000-\\u001f]+$',
          description:
            'File of certificate authorities on the API and the workers, for verify-ca and verify-full',
        }),
      ),
    ),
    storageLocation: Type.Optional(NullOr(StorageLocation)),
    copies: Type.Optional(NullOr(CopyTargets)),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true, default: [] })),
  },
  { additionalProperties: false },
);
export type DatabaseInput = Static<typeof DatabaseInput>;

export const DatabaseView = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    host: Type.String(),
    port: Type.Integer(),
    databaseName: Type.String(),
    username: Type.String(),
    hasPassword: Type.Boolean(),
    sslMode: OneOf(databaseSslModes),
    sslRootCert: Nullable(Type.String()),
    storageLocation: Nullable(Type.String({ description: 'Of its backups; null: that of the settings' })),
    copies: Nullable(
      Type.Array(Type.String(), {
        description: 'Further targets of its backups; null: those of the settings',
      }),
    ),
    tags: Type.Array(Type.String()),
    origin: OneOf(
      databaseOrigins,
      'environment: named by TARGET_DATABASE_URL, where its connection is changed; rebuilt: known from manifests alone, its connection is to be given',
    ),
    createdBy: Nullable(Type.String()),
    updatedBy: Nullable(Type.String()),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { $id: 'Database' },
);
export type DatabaseView = Static<typeof DatabaseView>;

export const ListDatabasesQuery = Type.Object(
  {
    ...pageQuery,
    sortBy: Type.Optional(OneOf(['name', 'createdAt'])),
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Part of the name, host or database name' }),
    ),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, description: 'Entries that carry all of these' })),
  },
  { additionalProperties: false },
);
export type ListDatabasesQuery = Static<typeof ListDatabasesQuery>;
export const DatabaseList = ListOf(DatabaseView);

const Relations = Type.Object({
  count: Count,
  examples: Type.Array(Type.String(), { description: 'schema.name of the first few' }),
});

export const DatabaseTest = Type.Object(
  {
    isUsable: Type.Boolean({ description: 'A full backup would start: no problem below stands against it' }),
    serverVersion: Type.String(),
    isEncrypted: Type.Boolean({ description: 'The connection went over TLS' }),
    isInRecovery: Type.Boolean({ description: 'A standby: it can be backed up, not restored into' }),
    isReadOnly: Type.Boolean(),
    databaseSizeBytes: Nullable(Count),
    role: Type.Object({
      name: Type.String(),
      isSuperuser: Type.Boolean(),
      canCreateDatabases: Type.Boolean({ description: 'Drills and swap restores need it' }),
      bypassesRowSecurity: Type.Boolean(),
      ownsDatabase: Type.Boolean(),
      canReadEveryTable: Type.Boolean(),
    }),
    unreadableTables: Relations,
    filteredTables: Relations,
    client: Nullable(Type.Object({ version: Type.String() }, { description: 'The pg_dump of this machine' })),
    problems: Type.Array(
      Type.Object({ code: Type.String(), detail: Type.String(), remediation: Type.String() }),
    ),
  },
  { $id: 'DatabaseTest' },
);
export type DatabaseTest = Static<typeof DatabaseTest>;

export const tableKinds = [
  'table',
  'partitioned_table',
  'view',
  'materialized_view',
  'foreign_table',
  'sequence',
] as const;

export const ListTablesQuery = Type.Object(
  {
    page: pageQuery.page,
    limit: pageQuery.limit,
    sortOrder: pageQuery.sortOrder,
    sortBy: Type.Optional(OneOf(['name', 'size', 'rows'])),
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Part of schema.name, whatever its case' }),
    ),
    schema: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { maxItems: 100 })),
    kind: Type.Optional(Type.Array(OneOf(tableKinds))),
  },
  { additionalProperties: false },
);
export type ListTablesQuery = Static<typeof ListTablesQuery>;

export const TableView = Type.Object({
  schema: Type.String(),
  name: Type.String(),
  kind: OneOf(tableKinds),
  estimatedRows: Nullable(Type.Number({ description: "The planner's guess; null where never analysed" })),
  sizeBytes: Nullable(Count),
  isReadable: Type.Boolean(),
  isFilteredByRowSecurity: Type.Boolean({
    description: 'Row-level security would hide rows from this role, so that a backup of it is refused',
  }),
});
export type TableView = Static<typeof TableView>;
export const TableList = ListOf(TableView);
