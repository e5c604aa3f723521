/** Column kinds that every entity shares; each states its type, since no decorator metadata is emitted. */
import type { EntitySchemaColumnOptions } from 'typeorm';

/** Bigints come as text from the driver; sizes and counts stay far below 2^53. */
const bigintAsNumber = {
  from: (value: string | null) => (value === null ? null : Number(value)),
  to: (value: number | null) => value,
};

export const text = (name: string): EntitySchemaColumnOptions => ({ type: 'text', name });
export const integer = (name: string): EntitySchemaColumnOptions => ({ type: 'integer', name });
export const bigint = (name: string): EntitySchemaColumnOptions => ({
  type: 'bigint',
  name,
  transformer: bigintAsNumber,
});
export const boolean = (name: string): EntitySchemaColumnOptions => ({ type: 'boolean', name });
export const timestamp = (name: string): EntitySchemaColumnOptions => ({ type: 'timestamptz', name });
export const json = (name: string): EntitySchemaColumnOptions => ({ type: 'jsonb', name });
export const uuid = (name: string): EntitySchemaColumnOptions => ({ type: 'uuid', name });
export const nullable = (column: EntitySchemaColumnOptions): EntitySchemaColumnOptions => ({
  ...column,
  nullable: true,
});
/** Filled by the database when the row is inserted without it. */
export const generated = (column: EntitySchemaColumnOptions): EntitySchemaColumnOptions => ({
  ...column,
  default: () => 'DEFAULT',
});
