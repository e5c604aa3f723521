/** Changing a backup's record over HTTP. */
import { type Static, Type } from '@sinclair/typebox';
import { Description, DisplayName, ExpiresAt, Tag } from './backups.ts';
import { NullOr } from './schema.ts';

/** What is not named stays as it is. */
export const UpdateBackup = Type.Object(
  {
    displayName: Type.Optional(DisplayName),
    description: Type.Optional(NullOr(Description)),
    tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true })),
    isProtected: Type.Optional(Type.Boolean()),
    isTrusted: Type.Optional(
      Type.Boolean({ description: 'True: it may be restored, although it was made elsewhere' }),
    ),
    expiresAt: Type.Optional(ExpiresAt),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type UpdateBackup = Static<typeof UpdateBackup>;
