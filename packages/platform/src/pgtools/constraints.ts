/** What a database's catalogue says of constraints and indexes; read of the source and of what was restored from it. */
import type { DatabaseSession } from './database-session.ts';

export interface ConstraintFacts {
  readonly total: number;
  /** `schema.constraint` of those declared NOT VALID. */
  readonly notValid: string[];
}

const ofUsers = `nspname !~ '^pg_' AND nspname <> 'information_schema'`;

export async function readConstraints(session: DatabaseSession): Promise<ConstraintFacts> {
  const { total } = await session.queryOne<{ total: number }>(
    `SELECT count(*)::int AS total FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace WHERE ${ofUsers}`,
  );
  const notValid = await session.query<{ name: string }>(
    `SELECT format('%s.%s', nspname, conname) AS name FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace
     WHERE NOT convalidated AND ${ofUsers} ORDER BY 1`,
  );
  return { total, notValid: notValid.map((row) => row.name) };
}

export async function readInvalidIndexes(session: DatabaseSession): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid OR NOT indisready ORDER BY 1',
  );
  return rows.map((row) => row.name);
}
