/** Compares two databases by what the plain tools print of them. */
import { createHash } from 'node:crypto';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';
import { queryOnce } from './databases.ts';

/** `pg_dump --schema-only` of a database, or of some of its tables (as patterns), without what differs from run to run. */
export async function schemaOf(url: string, tables: readonly string[] = []): Promise<string> {
  const programs = await findPrograms();
  const sql = await runCommand(
    `${programs?.postgresBinDir}/pg_dump`,
    ['--schema-only', `--dbname=${url}`, ...tables.map((table) => `--table=${table}`)],
    {
      env: { LC_ALL: 'C.UTF-8' },
    },
  );
  return sql.replaceAll(/^\\(un)?restrict .*$/gm, '');
}

/** Rows and a digest of each table, sequence values and large objects, worked out by the server itself. */
export async function dataOf(url: string): Promise<Record<string, string>> {
  const relations = await queryOnce<{ name: string; kind: string }>(
    url,
    `SELECT format('%I.%I', nspname, relname) AS name, relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'm', 'S') AND relispopulated AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
  );
  const found: Record<string, string> = {};
  for (const { name, kind } of relations) {
    const lines =
      kind === 'S'
        ? `SELECT last_value || ' ' || is_called AS line FROM ${name}`
        : `SELECT t::text AS line FROM ${name} t`;
    const [row] = await queryOnce<{ digest: string }>(
      url,
      `SELECT count(*) || ' ' || COALESCE(md5(string_agg(line, E'\\n' ORDER BY line)), '') AS digest FROM (${lines}) lines`,
    );
    found[name] = row?.digest ?? '';
  }
  const objects = await queryOnce<{ oid: number; data: Buffer }>(
    url,
    'SELECT oid, lo_get(oid) AS data FROM pg_largeobject_metadata ORDER BY oid',
  );
  for (const { oid, data } of objects) {
    found[`large object ${oid}`] = createHash('md5').update(data).digest('hex');
  }
  return found;
}
