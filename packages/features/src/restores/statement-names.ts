/** Names in the statements of an archive, as pg_dump writes them. Pure. */
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';

/** Source of a pattern with one group: a name, in quotes or without. */
export const identifier = '("(?:[^"]|"")+"|[^\\s."(;]+)';

/** The table that an ALTER TABLE is about: schema, name. */
export const ownTable = new RegExp(`^ALTER TABLE (?:ONLY )?${identifier}\\.${identifier}\\s`);

/** Without its quotes. */
export function plainName(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Null where the pattern, whose groups are schema and name, does not match. */
export function namedIn(pattern: RegExp, definition: string): QualifiedName | null {
  const [, schema, name] = pattern.exec(definition) ?? [];
  return schema === undefined || name === undefined
    ? null
    : { schema: plainName(schema), name: plainName(name) };
}

export function nameKey({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}
