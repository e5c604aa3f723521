/** What a restore would change in the structure of its target. */
import { type Static, Type } from '@sinclair/typebox';
import { Nullable } from './schema.ts';

export const SchemaObject = Type.Object({
  kind: Type.String({ description: 'As pg_dump calls it: TABLE, INDEX, FUNCTION and so on' }),
  schema: Type.String({ description: 'Empty for what stands in none' }),
  name: Type.String(),
});
export type SchemaObject = Static<typeof SchemaObject>;

const Objects = (description: string) =>
  Type.Object(
    {
      total: Type.Integer(),
      objects: Type.Array(SchemaObject, { description: 'The first of them' }),
    },
    { description },
  );

export const SchemaDiff = Type.Object({
  isComplete: Type.Boolean({ description: 'False where one side could be told only in part' }),
  basis: Type.String({ description: 'What was compared with what' }),
  appearing: Objects('In the backup, not in the target'),
  vanishing: Objects('In the target, not in the backup: gone after a swap, untouched in place'),
  changing: Nullable(Objects('In both, defined differently; null where definitions could not be compared')),
});
export type SchemaDiff = Static<typeof SchemaDiff>;
