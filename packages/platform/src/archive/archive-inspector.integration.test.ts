/** Archives of the real pg_dump: what the inspector counts is what the server counts, and the digest follows the contents only. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { findPrograms } from '../instances/programs.ts';
import { quoteIdentifier } from '../pgtools/quote.ts';
import { type ArchiveContents, ArchiveInspector } from './archive-inspector.ts';

jest.setTimeout(60_000);

const schema = `
  CREATE SCHEMA "Odd ""schema"".(x)";
  CREATE TABLE "Odd ""schema"".(x)"."T.(1) FROM stdin; ü" (id int, "a ""b"" (c), d" text);
  INSERT INTO "Odd ""schema"".(x)"."T.(1) FROM stdin; ü"
    SELECT n, E'line\\nfeed \\\\. \\\\ back\\tslash \\r ' || n FROM generate_series(1, 500) n;
  CREATE TABLE empty (id int);
  CREATE TABLE no_columns ();
  INSERT INTO no_columns SELECT FROM generate_series(1, 7);
  CREATE TABLE only_marks (t text);
  INSERT INTO only_marks VALUES ('\\.'), (''), (NULL), ('\\N'), (E'\\\\.\\n');
  CREATE TABLE values_of_kinds (id serial PRIMARY KEY, b bytea, j jsonb, n numeric, g int GENERATED ALWAYS AS (1) STORED);
  INSERT INTO values_of_kinds (b, j, n) SELECT sha256(n::text::bytea), jsonb_build_object('k', n, 'ä', '🦊'), n / 7.0
    FROM generate_series(1, 2000) n;
  CREATE TABLE long_rows (id int, t text);
  INSERT INTO long_rows SELECT n, repeat(md5(n::text), 1000 * n) FROM generate_series(1, 20) n;
  CREATE TABLE parted (id int) PARTITION BY RANGE (id);
  CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (50);
  CREATE TABLE parted_high PARTITION OF parted DEFAULT;
  INSERT INTO parted SELECT generate_series(1, 120);
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM parted;
  SELECT lo_from_bytea(0, decode(repeat('00ff0a', n * 9000), 'hex')) FROM generate_series(1, 6) n;
  SELECT lo_create(0);
`;

describe('an archive of pg_dump', () => {
  let database: TestDatabase;
  let pgDump: string;

  beforeAll(async () => {
    database = await createTestDatabase('template0');
    pgDump = path.join((await findPrograms())?.postgresBinDir as string, 'pg_dump');
    await database.query(schema);
  });
  afterAll(async () => await database.drop());

  const dump = ({ url }: TestDatabase, ...args: string[]): Buffer =>
    execFileSync(pgDump, ['-Fc', '-Z0', ...args, url], { maxBuffer: 2 ** 28 });

  async function inspect(archive: Buffer, pieceBytes = 65_536): Promise<ArchiveContents> {
    const inspector = await ArchiveInspector.create();
    for (let at = 0; at < archive.length; at += pieceBytes) {
      inspector.write(archive.subarray(at, at + pieceBytes));
    }
    return inspector.end();
  }

  async function digestOf(table: string): Promise<string | undefined> {
    return (await inspect(dump(database, `--table=${table}`))).tables[0]?.digest;
  }

  it('holds as many rows and bytes of each table as the server counts', async () => {
    const { tables, header, bytes } = await inspect(dump(database));
    expect(header).toMatchObject({
      databaseName: database.name,
      archiveVersion: expect.stringMatching(/^1\.1\d$/),
    });
    expect(header.createdAt).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    expect(bytes).toBeGreaterThan(6_000_000);
    const found = await database.query<{ schema: string; name: string }>(
      `SELECT nspname AS schema, relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema$)'`,
    );
    expect(tables.map(({ schema, name }) => `${schema}.${name}`).sort()).toEqual(
      found.map(({ schema, name }) => `${schema}.${name}`).sort(),
    );
    for (const table of tables) {
      const name = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
      const [counted] = await database.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${name}`);
      expect([name, table.rows]).toEqual([name, counted?.rows]);
    }
  });

  it('names the columns as the COPY statement does', async () => {
    const { tables } = await inspect(dump(database));
    const columns = Object.fromEntries(tables.map((table) => [table.name, table.columns]));
    expect(columns).toMatchObject({
      'T.(1) FROM stdin; ü': 'id, "a ""b"" (c), d"',
      no_columns: null,
      values_of_kinds: 'id, b, j, n',
    });
  });

  it('gives the bytes that COPY itself would', async () => {
    const psql = path.join(path.dirname(pgDump), 'psql');
    const copied = execFileSync(psql, [database.url, '-c', 'COPY long_rows TO STDOUT'], {
      maxBuffer: 2 ** 28,
    });
    expect((await inspect(dump(database, '--table=long_rows'))).tables[0]?.bytes).toBe(copied.length);
  });

  it('counts large objects and reads the values of sequences', async () => {
    const { largeObjects, sequences } = await inspect(dump(database));
    expect(largeObjects).toEqual({
      count: 7,
      bytes: 21 * 27_000,
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(sequences).toEqual([{ schema: 'public', name: 'values_of_kinds_id_seq', value: '2000, true' }]);
  });

  it('gives the same in pieces of any size', async () => {
    const archive = dump(database);
    const expected = await inspect(archive);
    for (const pieceBytes of [7, 4_096, 262_144, 300_001, archive.length]) {
      expect(await inspect(archive, pieceBytes)).toEqual(expected);
    }
  });

  it.each([['values_of_kinds'], ['long_rows'], ['only_marks']])(
    'has the same digest of %s when its rows were shuffled, another when they changed',
    async (table) => {
      const [{ list } = { list: '' }] = await database.query<{ list: string }>(
        `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS list FROM pg_attribute
         WHERE attrelid = $1::regclass AND attnum > 0 AND attgenerated = ''`,
        [table],
      );
      const digest = await digestOf(table);
      await database.query(`DROP TABLE IF EXISTS other`);
      await database.query(`CREATE TABLE other AS SELECT ${list} FROM ${table} ORDER BY random()`);
      expect(await digestOf('other')).toBe(digest);
      await database.query(`DELETE FROM other WHERE ctid = (SELECT max(ctid) FROM other)`);
      expect(await digestOf('other')).not.toBe(digest);
      await database.query(`DROP TABLE other`);
    },
  );

  it.each([
    ['one byte of one row', `UPDATE other SET t = overlay(t placing '_' from 600 for 1) WHERE id = 7`],
    ['two rows that swapped values', `UPDATE other SET t = o.t FROM long_rows o WHERE other.id + o.id = 7`],
    ['a row that stands twice', `INSERT INTO other SELECT * FROM long_rows WHERE id = 3`],
    ['a null for an empty text', `UPDATE other SET t = NULL WHERE id = 1`],
  ])('has another digest after %s', async (_what, change) => {
    await database.query('CREATE TABLE other AS TABLE long_rows');
    const digest = await digestOf('other');
    expect(digest).toBe(await digestOf('long_rows'));
    await database.query(change);
    expect(await digestOf('other')).not.toBe(digest);
    await database.query('DROP TABLE other');
  });

  it('is refused when it is cut at any byte', async () => {
    const small = await createTestDatabase('template0');
    await small.query(`CREATE TABLE one (t text); INSERT INTO one VALUES ('a'), (E'b\\nc');
      CREATE TABLE two (); SELECT lo_from_bytea(0, 'object')`);
    const archive = dump(small);
    await small.drop();
    for (let length = 0; length < archive.length; length += 1) {
      const inspector = await ArchiveInspector.create();
      expect(() => {
        inspector.write(archive.subarray(0, length));
        inspector.end();
      }).toThrow(/cut short/);
    }
    expect(await inspect(archive)).toMatchObject({
      tables: [{ rows: 2 }, { rows: 0 }],
      largeObjects: { count: 1, bytes: 6 },
    });
  });

  it('of the schema alone ends behind the table of contents', async () => {
    const { tables, entries, largeObjects } = await inspect(dump(database, '--schema-only'));
    expect([tables, largeObjects.count]).toEqual([[], 0]);
    expect(entries.some(({ description, tag }) => description === 'TABLE' && tag === 'no_columns')).toBe(
      true,
    );
  });

  it.each([
    [['--compress=1'], /compressed inside/],
    [['--inserts'], /INSERT statements/],
  ])('made with %j is refused as such', async (args, detail) => {
    const refusal = { code: 'INVALID_CONFIG', message: expect.stringMatching(detail) };
    await expect(inspect(dump(database, ...args))).rejects.toMatchObject(refusal);
  });

  it('is followed by several inspectors at once', async () => {
    const [first, second] = [dump(database, '--table=long_rows'), dump(database, '--table=values_of_kinds')];
    const alone = [(await inspect(first)).tables, (await inspect(second)).tables];
    const inspectors = [await ArchiveInspector.create(), await ArchiveInspector.create()] as const;
    for (let at = 0; at < Math.max(first.length, second.length); at += 1_000) {
      inspectors[0].write(first.subarray(at, at + 1_000));
      inspectors[1].write(second.subarray(at, at + 1_000));
    }
    expect(inspectors.map((inspector) => inspector.end().tables)).toEqual(alone);
  });
});
