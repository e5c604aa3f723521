/** The manifest that lies beside every stored backup: what is in it, so that a restore can be compared with it. */
import { type Static, Type } from '@sinclair/typebox';
import { BackupEncryption, backupFormats, backupSources, backupTypes, compressionTypes } from './backups.ts';
import { Count, OneOf, Timestamp } from './schema.ts';

export const TableManifest = Type.Object({
  schema: Type.String(),
  name: Type.String(),
  rows: Count,
  bytes: Type.Integer({ description: 'COPY text, newlines included' }),
  digest: Type.String({
    description: 'Sum modulo 2^64 of a 64-bit hash of each row; the order of rows plays no part',
  }),
});
export type TableManifest = Static<typeof TableManifest>;

const RelationName = Type.Object({ schema: Type.String(), name: Type.String() });

export const Manifest = Type.Object(
  {
    manifestVersion: Type.Literal(1),
    backup: Type.Object({
      id: Type.Integer(),
      displayName: Type.String(),
      backupType: OneOf(backupTypes),
      backupFormat: OneOf(backupFormats),
      includedTables: Type.Array(Type.String()),
      includedSchemas: Type.Array(Type.String()),
      excludedTables: Type.Array(Type.String()),
      excludedTableData: Type.Optional(Type.Array(Type.String())),
      selectionPatterns: Type.Optional(Type.Boolean()),
      startedAt: Timestamp,
      completedAt: Timestamp,
      attempt: Type.Integer(),
      /** What people said of it when it was made: so that a rebuilt catalogue says it too. */
      source: Type.Optional(OneOf(backupSources)),
      description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      tags: Type.Optional(Type.Array(Type.String())),
      jobs: Type.Optional(Type.Integer()),
      createdAt: Type.Optional(Timestamp),
    }),
    file: Type.Object({
      path: Type.String({ description: 'Relative to the storage target' }),
      sizeBytes: Count,
      uncompressedBytes: Count,
      md5: Type.String(),
      sha256: Type.String(),
      compression: Type.Object({
        type: OneOf(compressionTypes),
        level: Type.Union([Type.Integer(), Type.Null()]),
      }),
      encryption: Type.Union([BackupEncryption, Type.Null()]),
      archiveVersion: Type.String(),
    }),
    globals: Type.Optional(
      Type.Union(
        [
          Type.Object({
            path: Type.String({ description: 'Relative to the storage target' }),
            sizeBytes: Count,
            md5: Type.String(),
            sha256: Type.String(),
            includesRolePasswords: Type.Boolean(),
          }),
          Type.Null(),
        ],
        {
          description: 'Roles and tablespaces of the server as a script for psql, compressed as the archive',
        },
      ),
    ),
    import: Type.Optional(
      Type.Object(
        {
          fileName: Type.String(),
          sizeBytes: Count,
          md5: Type.String(),
          sha256: Type.String(),
          wrapping: OneOf(compressionTypes),
          innerCompression: Type.String(),
          assumed: Type.Array(Type.String(), {
            description: 'What of `database` the file does not say, so that the usual was taken',
          }),
        },
        { description: 'The file made elsewhere that this backup was made from' },
      ),
    ),
    database: Type.Object({
      name: Type.String(),
      serverVersion: Type.String(),
      clientVersion: Type.String(),
      encoding: Type.String(),
      collate: Type.String(),
      ctype: Type.String(),
      localeProvider: Type.String(),
      icuLocale: Type.Union([Type.String(), Type.Null()]),
      sizeBytes: Count,
      snapshotLsn: Type.Union([Type.String(), Type.Null()]),
      extensions: Type.Array(Type.Object({ name: Type.String(), version: Type.String() })),
      roles: Type.Array(Type.String(), {
        description: 'Roles that own or are granted something in the archive',
      }),
    }),
    selection: Type.Optional(
      Type.Object(
        {
          tables: Type.Union([Type.Array(RelationName), Type.Null()], {
            description:
              'Tables, views and sequences that the selection came to; null for the whole database',
          }),
          withoutRows: Type.Array(RelationName, {
            description: 'Of these the definition is in the backup and the rows are not',
          }),
        },
        { description: 'What the names of the selection came to in the snapshot of the dump' },
      ),
    ),
    tables: Type.Array(TableManifest),
    largeObjects: Type.Object({ count: Count, bytes: Count, digest: Type.String() }),
    sequences: Type.Array(Type.Object({ schema: Type.String(), name: Type.String(), value: Type.String() })),
    constraints: Type.Object({
      total: Type.Union([Count, Type.Null()], {
        description: 'Null where nobody counted: of an imported backup',
      }),
      notValid: Type.Array(Type.String(), { description: 'Declared NOT VALID in the source' }),
    }),
    objects: Type.Record(Type.String(), Count, { description: 'Entries of the table of contents by kind' }),
  },
  { $id: 'Manifest' },
);
export type Manifest = Static<typeof Manifest>;

/** As stored: the manifest and an HMAC-SHA256 over its canonical JSON, by a key derived from HOLDFAST_SECRET_KEY. */
export const SignedManifest = Type.Object({ manifest: Manifest, signature: Type.String() });
export type SignedManifest = Static<typeof SignedManifest>;
