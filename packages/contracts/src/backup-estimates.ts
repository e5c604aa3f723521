/** What a backup would come to, before it is asked for. */
import { type Static, Type } from '@sinclair/typebox';
import { Count } from './schema.ts';

const Estimate = (unit: string) =>
  Type.Object({
    value: Type.Integer({ minimum: 0, description: unit }),
    basis: Type.String({
      description: '"from 3 earlier backups of this database", or "model: …" while there is no history',
    }),
  });

export const BackupEstimate = Type.Object(
  {
    databaseId: Type.Integer(),
    databaseName: Type.String(),
    rawBytes: Estimate('Of the archive before compression'),
    storedBytes: Estimate('Of the stored file'),
    durationSeconds: Estimate('Seconds'),
    tableCount: Type.Integer({ description: 'Tables, views and sequences that would be in it' }),
    tables: Type.Array(
      Type.Object({
        schema: Type.String(),
        name: Type.String(),
        kind: Type.String({
          description: 'table, partitioned table, materialized view, view, foreign table, sequence',
        }),
        sizeBytes: Count,
        isWithoutRows: Type.Boolean(),
      }),
      { description: 'The largest of them, at most 1,000' },
    ),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'BackupEstimate' },
);
export type BackupEstimate = Static<typeof BackupEstimate>;
