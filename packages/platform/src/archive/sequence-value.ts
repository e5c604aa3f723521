/** Reads `SELECT pg_catalog.setval('schema.name', 42, true);`, as a script has it. */
import type { SequenceContents } from './contents.ts';
import { readQualifiedName } from './copy-statement.ts';

const pattern = /^SELECT pg_catalog\.setval\('((?:[^']|'')*)', (-?\d+, (?:true|false))\);$/s;

/** Null for any other statement. */
export function readSequenceValue(statement: string): SequenceContents | null {
  const [, literal, value] = pattern.exec(statement) ?? [];
  const name = literal === undefined ? null : readQualifiedName(literal.replaceAll("''", "'"));
  return name === null || value === undefined ? null : { ...name, value };
}
