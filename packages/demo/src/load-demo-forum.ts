/** Fills an empty database with the demo forum, streaming; the comment written last says that it is complete. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Random } from './random.ts';
import { copyText, countsFor, forumRows, type TableRows } from './rows.ts';
import { afterRows, beforeRows } from './schema.ts';

export interface DemoForumOptions {
  /** An existing, empty database. */
  readonly connectionString: string;
  /** About what pg_database_size says afterwards. */
  readonly targetBytes?: number;
  readonly seed?: number;
  readonly onProgress?: (progress: DemoProgress) => void;
}

export interface DemoProgress {
  readonly step: string;
  readonly percent: number;
}

export interface LoadedForum {
  readonly rows: number;
  readonly databaseBytes: number;
}

/** Named, so that the same seed gives the same rows: they refer to it. */
const firstLargeObject = 900_000;
const completeComment = 'Demo forum of Holdfast, complete';
const defaultBytes = 150_000_000;
const defaultSeed = 20_260_401;
/** Of the whole time, measured at 150 MB: what the rows take; the steps after them share the rest. */
const rowsPercent = 55;

/** @throws AppError INVALID_CONFIG where the database is not empty */
export async function loadDemoForum(options: DemoForumOptions): Promise<LoadedForum> {
  const {
    connectionString,
    targetBytes = defaultBytes,
    seed = defaultSeed,
    onProgress = () => undefined,
  } = options;
  return await withClient(connectionString, async (client) => {
    await refuseUsed(client);
    await client.query(beforeRows);
    const tables = forumRows(countsFor(targetBytes));
    const total = tables.reduce((sum, table) => sum + table.count, 0);
    let done = 0;
    for (const [index, table] of tables.entries()) {
      const step = `Rows of ${table.target.split(' (')[0]}`;
      await copyRows(client, {
        table,
        seed: seed + index,
        onRows: (rows) => onProgress({ step, percent: ((done + rows) / total) * rowsPercent }),
      });
      done += table.count;
    }
    await addOddities(client, new Random(seed));
    for (const [index, { step, sql }] of afterRows.entries()) {
      onProgress({ step, percent: rowsPercent + (index / afterRows.length) * (100 - rowsPercent) });
      await client.query(sql);
    }
    await client.query('ANALYZE');
    const { rows } = await client.query<{ size: string; name: string }>(
      'SELECT pg_database_size(current_database())::text AS size, quote_ident(current_database()) AS name',
    );
    await client.query(`COMMENT ON DATABASE ${rows[0]?.name} IS '${completeComment}'`);
    onProgress({ step: 'Done', percent: 100 });
    return { rows: total, databaseBytes: Number(rows[0]?.size) };
  });
}

/** True for a database that was loaded to the end. */
export async function isDemoForum(connectionString: string): Promise<boolean> {
  return await withClient(connectionString, async (client) => {
    const { rows } = await client.query<{ comment: string | null }>(
      `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = current_database()`,
    );
    return rows[0]?.comment === completeComment;
  });
}

interface CopyOptions {
  readonly table: TableRows;
  readonly seed: number;
  readonly onRows: (rows: number) => void;
}

async function copyRows(client: Client, { table, seed, onRows }: CopyOptions): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${table.target} FROM STDIN`));
  let pieces = 0;
  const counted = function* (): Generator<string> {
    for (const piece of copyText(table, seed)) {
      pieces += 1;
      yield piece;
      onRows(Math.min(table.count, Math.round((table.count * pieces) / (pieces + 1))));
    }
  };
  await pipeline(Readable.from(counted(), { objectMode: false }), stream);
}

/** What COPY can't make: large objects, and a table without columns that has rows all the same. */
async function addOddities(client: Client, random: Random): Promise<void> {
  for (let number = 1; number <= 3; number += 1) {
    const content = Buffer.from(random.hex(200_000 * number), 'hex');
    await client.query(`INSERT INTO attachments SELECT $1::integer, $1::integer, $2, lo_from_bytea($4, $3)`, [
      number,
      `picture "${number}".png`,
      content,
      firstLargeObject + number,
    ]);
  }
  await client.query('INSERT INTO no_columns DEFAULT VALUES');
  await client.query('INSERT INTO no_columns DEFAULT VALUES');
}

async function refuseUsed(client: Client): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace LIMIT 1`,
  );
  if (rowCount !== 0) {
    throw new AppError('INVALID_CONFIG', 'The database for the demo forum is not empty.', {
      remediation:
        'An interrupted load leaves this behind: drop and create the database "forum", then start again.',
    });
  }
}

async function withClient<T>(connectionString: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
