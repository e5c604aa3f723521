/** Anomalies of a backup over HTTP: where it differs from its database's history, and accepting that. */
import { type Static, Type } from '@sinclair/typebox';
import { Count, Nullable, OneOf } from './schema.ts';

export const anomalyKinds = [
  'stored_size_small',
  'stored_size_large',
  'raw_size_small',
  'raw_size_large',
  'rows_few',
  'table_rows_few',
  'table_missing',
  'slow',
] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

export const Anomaly = Type.Object({
  kind: OneOf(anomalyKinds),
  table: Nullable(Type.String({ description: 'Of table_rows_few and table_missing' })),
  expected: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'The usual figure: bytes, rows or seconds, by kind',
  }),
  actual: Count,
  basis: Type.String({
    description: 'What the expectation was made of, for example "from 7 earlier backups"',
  }),
  sentence: Type.String(),
});
export type Anomaly = Static<typeof Anomaly>;

export const AcceptAnomalies = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 1000,
      pattern: '^[^\\u0000-\\u001f]*[^\\u0000-\\u001f\\s][^\\u0000-\\u001f]*$',
      description: 'Why the backup is as it should be',
    }),
  },
  { additionalProperties: false },
);
export type AcceptAnomalies = Static<typeof AcceptAnomalies>;
