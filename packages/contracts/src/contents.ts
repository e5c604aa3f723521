/** What is in a backup, object by object. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable, Pagination, pageQuery } from './schema.ts';

export const ContentsQuery = Type.Object(
  {
    ...pageQuery,
    kind: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        maxItems: 50,
        description: 'As pg_dump calls them: TABLE, INDEX, FK CONSTRAINT and so on',
      }),
    ),
    schema: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    search: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Part of a name, whatever its case' }),
    ),
    sortBy: Type.Optional(
      Type.Unsafe<'archive' | 'name' | 'rows' | 'bytes'>({
        type: 'string',
        enum: ['archive', 'name', 'rows', 'bytes'],
        description: 'archive: the order in which a restore makes them',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ContentsQuery = Static<typeof ContentsQuery>;

export const ContentsItem = Type.Object({
  kind: Type.String(),
  schema: Type.String({ description: 'Empty for what stands in none' }),
  name: Type.String(),
  owner: Type.String(),
  rows: Nullable(Count),
  bytes: Nullable(Type.Integer({ minimum: 0, description: 'COPY text' })),
});
export type ContentsItem = Static<typeof ContentsItem>;

export const Contents = Type.Object(
  {
    backupId: Type.Integer(),
    summary: Type.Object({
      tables: Type.Integer({ description: 'With rows in the backup, even if none' }),
      rows: Count,
      bytes: Count,
      sequences: Count,
      largeObjects: Type.Object({ count: Count, bytes: Count }),
      kinds: Type.Record(Type.String(), Count),
    }),
    items: Type.Array(ContentsItem),
    pagination: Pagination,
  },
  { $id: 'BackupContents' },
);
export type Contents = Static<typeof Contents>;
