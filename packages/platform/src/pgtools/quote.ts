/** Quoting of SQL names, and of names as literal patterns for pg_dump. */

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** In pg_dump's patterns everything between double quotes is literal, so the form is that of SQL. */
export function literalPattern(schema: string, name?: string): string {
  return name === undefined ? quoteIdentifier(schema) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** With or without standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  return text.includes('\\')
    ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}
