/** Importing over HTTP: the body is the file itself, or names one that lies in the storage already; the query says the rest. */
import { type Static, Type } from '@sinclair/typebox';
import { compressionTypes, Description, DisplayName, Tag } from './backups.ts';
import { OneOf } from './schema.ts';

export const ImportOptions = Type.Object(
  {
    displayName: DisplayName,
    description: Type.Optional(Description),
    fileName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        pattern: '^[^/\\\\\\u0000-\\u001f]+$',
        description: 'What the uploaded file is called where it comes from; for people alone',
      }),
    ),
    databaseId: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description:
          'Whose backup it is to be, and on whose server it is drilled. Default: the first registered',
      }),
    ),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true })),
    compressionType: Type.Optional(OneOf(compressionTypes, 'As it is to be stored. Default: zstd')),
    storageTarget: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2_000,
        pattern: '^[^\\u0000-\\u001f]+$',
        description:
          "One of the storage locations of settings and databases. Default: the database's, else the settings'",
      }),
    ),
    allowUnpatchedClient: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Read it although the programs on the worker have known flaws that a crafted file could use',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ImportOptions = Static<typeof ImportOptions>;

/** A file in the folder `imports/` of the storage target: put there by whoever may write there. */
export const ImportFile = Type.Object(
  {
    path: Type.String({
      minLength: 9,
      maxLength: 1024,
      pattern: '^imports(/(?!\\.{1,2}(/|$))[^/\\\\\\u0000-\\u001f]+)+$',
      description: 'Beginning with imports/',
    }),
  },
  { additionalProperties: false },
);
export type ImportFile = Static<typeof ImportFile>;
