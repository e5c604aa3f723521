/** Schema fragments that several wires share. */
import { type TSchema, Type } from '@sinclair/typebox';

export const Timestamp = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' });

/** Bytes or rows. PostgreSQL bigints up to 2^53 - 1, beyond any database that exists. */
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** For input, where null is a value to set: tried first, so that nothing else is taken for it. */
export const NullOr = <T extends TSchema>(schema: T) => Type.Union([Type.Null(), schema]);

/** A closed set of strings, as JSON Schema `enum` (so that OpenAPI and Ajv's messages list the values). */
export const OneOf = <const T extends readonly string[]>(values: T, description?: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...(description ? { description } : {}) });

export const StorageLocation = Type.String({
  minLength: 1,
  maxLength: 4096,
  // No credentials in it: those are the environment's.
  pattern:
    '^(/[^\\u0000-\\u001f]*|file:///[^\\u0000-\\u001f]*|s3://[a-z0-9][a-z0-9.-]*([/?][^\\u0000-\\u001f]*)?)$',
  description: 'An absolute folder, file:///folder, or s3://bucket/prefix',
});

/** A row id as it arrives in a path: 1 to 2147483647, decimal digits alone (no "1e9", no sign). */
export const IdParam = Type.Object(
  { id: Type.String({ pattern: '^[1-9][0-9]{0,9}$' }) },
  { additionalProperties: false },
);

export const OperationIdParam = Type.Object(
  { operationId: Type.String({ format: 'uuid' }) },
  { additionalProperties: false },
);

export const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' }),
  ),
});

export const Pagination = Type.Object({
  page: Type.Integer(),
  limit: Type.Integer(),
  total: Type.Integer(),
  totalPages: Type.Integer(),
  nextCursor: Nullable(Type.String()),
});

export const ListOf = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), pagination: Pagination });

/** RFC 9457, as every error is answered. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    remediation: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  { $id: 'Problem' },
);

export const pageQuery = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20 })),
  cursor: Type.Optional(
    Type.String({ maxLength: 500, description: 'nextCursor of the page before; page is then ignored' }),
  ),
  sortOrder: Type.Optional(OneOf(['asc', 'desc'])),
};
