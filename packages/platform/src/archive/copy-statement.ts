/** Reads names out of the statements that pg_dump writes. */

export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

export interface CopyStatement extends QualifiedName {
  /** As the statement quotes them; null where it names none, since the table has none. */
  readonly columns: string | null;
}

const identifier = '("(?:[^"]|"")+"|[^\\s".()]+)';
const qualifiedName = new RegExp(`^(?:${identifier}\\.)?${identifier}$`);
const copyPattern = new RegExp(
  `^COPY (?:${identifier}\\.)?${identifier} (?:\\((.*)\\))? ?FROM stdin;\\s*$`,
  's',
);

/** Null for anything but `COPY schema.table (columns) FROM stdin;`. */
export function readCopyStatement(statement: string): CopyStatement | null {
  const match = copyPattern.exec(statement);
  return match === null
    ? null
    : { schema: unquote(match[1]), name: unquote(match[2]), columns: match[3] ?? null };
}

/** Of `schema.name` as pg_dump quotes it. */
export function readQualifiedName(text: string): QualifiedName | null {
  const match = qualifiedName.exec(text);
  return match === null ? null : { schema: unquote(match[1]), name: unquote(match[2]) };
}

function unquote(part = ''): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part;
}
