/** Downloads over HTTP: a link that works once, and the headers that a transfer understands. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Timestamp } from './schema.ts';

export const DownloadLink = Type.Object(
  {
    url: Type.String({ description: 'On this server; needs no sign-in' }),
    expiresAt: Type.String({ ...Timestamp, description: 'When the transfer must have begun' }),
    filename: Type.String(),
    sizeBytes: Count,
    sha256: Type.String(),
  },
  { $id: 'DownloadLink' },
);
export type DownloadLink = Static<typeof DownloadLink>;

export const DownloadTokenParam = Type.Object(
  { token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }) },
  { additionalProperties: false },
);

/** More headers than these come with every request. */
export const DownloadHeaders = Type.Object({
  range: Type.Optional(
    Type.String({ description: 'One range of bytes; several are answered with the whole file' }),
  ),
  'if-range': Type.Optional(Type.String({ description: 'The ETag of the part that is there already' })),
});
