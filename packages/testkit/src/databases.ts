/** Databases for one test file: cloned from a template of the run, dropped afterwards. */
import { randomBytes } from 'node:crypto';
import { Client, Pool, type QueryResultRow } from 'pg';

export type Template = 'metadata_template' | 'demo_template' | 'template0';

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

function serverUrl(database: string): string {
  const url = new URL(process.env['HOLDFAST_TEST_POSTGRES_URL'] as string);
  url.pathname = `/${database}`;
  return url.href;
}

/** `server` as a URL of any of its databases; default: the server of the run. */
export async function createTestDatabase(
  template: Template,
  server = serverUrl('postgres'),
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await queryOnce(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = new Pool({ connectionString: url.href, max: 4, allowExitOnIdle: true });
  pool.on('error', () => undefined); // Servers are restarted under it on purpose.
  return {
    name,
    url: url.href,
    query: async <Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(sql, [...values])).rows,
    drop: async () => {
      await pool.end();
      await queryOnce(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

export async function queryOnce<Row extends QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // Servers are restarted under it on purpose.
  await client.connect();
  try {
    return (await client.query<Row>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}
