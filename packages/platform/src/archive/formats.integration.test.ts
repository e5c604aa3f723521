/** The same database dumped by the real pg_dump in every format: what is found is the same, and what is cut is refused. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupFormat } from '@holdfast/contracts/backups';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { findPrograms } from '../instances/programs.ts';
import type { ArchiveContents } from './contents.ts';
import { createInspector } from './create-inspector.ts';
import { packFolder } from './pack-folder.ts';

jest.setTimeout(60_000);

/** Names and texts that a reader of scripts could take for something else. */
const oddObjects = `
  CREATE SCHEMA "Odd ""schema"".(x)";
  CREATE TABLE "Odd ""schema"".(x)"."T.(1) FROM stdin; ü
line two" (id int, "a ""b"" (c), d" text);
  INSERT INTO "Odd ""schema"".(x)"."T.(1) FROM stdin; ü
line two" SELECT n, E'line\\nfeed \\\\. \\\\ back\\tslash \\r ' || n FROM generate_series(1, 500) n;
  CREATE SEQUENCE "Odd ""schema"".(x)"."it's; 42, true);" START 7;
  CREATE TABLE only_marks (t text DEFAULT 'C:\\' CHECK (t <> E'\\\\'' -- '));
  INSERT INTO only_marks VALUES ('\\.'), (''), (NULL), ('\\N'), (E'\\\\.\\n'), ('COPY x FROM stdin;');
  COMMENT ON TABLE only_marks IS 'it''s "C:\\';
  CREATE FUNCTION atomic_body(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 1 THEN 2 ELSE 3 END; END;
  CREATE FUNCTION odd_body() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN '
\\! echo $$ $_$ $a$ /*
--
-- Name: ghost; Type: TABLE; Schema: public; Owner: nobody
--
COPY ghost FROM stdin;
'; END $f$;
  CREATE VIEW odd_view AS SELECT 1 AS "a;b--c" WHERE 'x\\' = E'y\\\\''';
  CREATE RULE two_steps AS ON INSERT TO only_marks DO ALSO (NOTIFY a; NOTIFY b);
`;

const formats: readonly BackupFormat[] = ['custom', 'plain', 'tar', 'directory'];

describe('one database in every format', () => {
  let database: TestDatabase;
  let folder: string;
  let pgDump: string;
  const archives = new Map<BackupFormat, Buffer>();

  beforeAll(async () => {
    database = await createTestDatabase('demo_template');
    folder = mkdtempSync(path.join(tmpdir(), 'formats-'));
    pgDump = path.join((await findPrograms())?.postgresBinDir as string, 'pg_dump');
    await database.query(oddObjects);
    for (const format of formats) {
      archives.set(format, await dump(format, database));
    }
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await database.drop();
  });

  async function dump(format: BackupFormat, { url, name }: TestDatabase): Promise<Buffer> {
    const options = { maxBuffer: 2 ** 28 };
    if (format !== 'directory') {
      return execFileSync(pgDump, [`--format=${format}`, '--compress=0', url], options);
    }
    const staged = path.join(folder, name);
    execFileSync(pgDump, ['--format=directory', '--compress=0', '--jobs=3', `--file=${staged}`, url]);
    const chunks: Buffer[] = [];
    for await (const chunk of packFolder(staged)) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async function inspect(
    format: BackupFormat,
    archive: Buffer,
    pieceBytes = 65_536,
  ): Promise<ArchiveContents> {
    const inspector = await createInspector(format);
    for (let at = 0; at < archive.length; at += pieceBytes) {
      inspector.write(archive.subarray(at, at + pieceBytes));
    }
    return inspector.end();
  }

  const byName = <Named extends { name: string }>(items: readonly Named[]): Named[] =>
    [...items].sort((left, right) => (left.name < right.name ? -1 : 1));

  /** What a manifest takes of it: the same of every format. */
  function essence({ entries, tables, sequences, largeObjects }: ArchiveContents): unknown {
    const counts = new Map<string, number>();
    for (const { description, tag } of entries) {
      if (!description.startsWith('DATABASE') && !tag.startsWith('DATABASE ')) {
        counts.set(description, (counts.get(description) ?? 0) + 1);
      }
    }
    const owners = [...new Set(entries.map(({ owner }) => owner))].sort();
    const grants = entries.flatMap((entry) => (entry.description === 'ACL' ? [entry.definition.trim()] : []));
    return {
      tables: byName(tables),
      sequences: byName(sequences),
      largeObjects,
      counts: Object.fromEntries(counts),
      owners,
      grants: grants.map((text) => text.replaceAll(/\s*\n\s*/g, '\n')).sort(),
    };
  }

  it.each(formats)(
    '%s gives the tables, rows, digests, sequences, objects and kinds that custom gives',
    async (format) => {
      const expected = essence(await inspect('custom', archives.get('custom') as Buffer));
      expect(essence(await inspect(format, archives.get(format) as Buffer))).toEqual(expected);
      expect(expected).toMatchObject({
        tables: expect.arrayContaining([
          expect.objectContaining({ name: 'T.(1) FROM stdin; ü\nline two', rows: 500 }),
        ]),
        sequences: expect.arrayContaining([
          { schema: 'Odd "schema".(x)', name: "it's; 42, true);", value: '7, false' },
        ]),
      });
    },
  );

  it.each(formats)('%s gives the same in pieces of any size', async (format) => {
    const archive = archives.get(format) as Buffer;
    const expected = await inspect(format, archive);
    for (const pieceBytes of [509, 262_144, 300_001, archive.length]) {
      expect(await inspect(format, archive, pieceBytes)).toEqual(expected);
    }
  });

  it.each(formats)('%s is refused when it is cut short', async (format) => {
    const small = await createTestDatabase('template0');
    await small.query(`CREATE TABLE one (t text DEFAULT E'\\\\'); INSERT INTO one VALUES ('a'), (E'b\\nc');
      CREATE TABLE two (); SELECT lo_from_bytea(0, 'object'); SELECT lo_create(0)`);
    const archive = await dump(format, small);
    await small.drop();
    // A tar is mostly padding: every byte of its end, and steps through the rest.
    const step = format === 'custom' || format === 'plain' ? 1 : 7;
    const isAtEnd = (length: number): boolean => length >= archive.length - 1_030;
    for (let length = 0; length < archive.length; length += isAtEnd(length) ? 1 : step) {
      const inspector = await createInspector(format);
      expect(() => {
        inspector.write(archive.subarray(0, length));
        inspector.end();
      }).toThrow(/cut short|is missing/);
    }
    expect(await inspect(format, archive, 1)).toMatchObject({
      tables: [
        { name: 'one', rows: 2 },
        { name: 'two', rows: 0 },
      ],
      largeObjects: { count: 2, bytes: 6 },
    });
  });

  it.each(['plain', 'custom', 'tar'] as const)(
    '%s with rows as INSERT statements is refused as such',
    async (format) => {
      const archive = execFileSync(pgDump, [
        `--format=${format}`,
        '--compress=0',
        '--inserts',
        '--table=categories',
        database.url,
      ]);
      await expect(inspect(format, archive)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    },
  );

  it.each(['--create', '--clean', '--schema-only', '--data-only'])(
    'a script made with %s is read',
    async (option) => {
      const archive = execFileSync(pgDump, [option, database.url], { maxBuffer: 2 ** 28 });
      const { tables } = await inspect('plain', archive);
      expect(tables.length).toBe(option === '--schema-only' ? 0 : 19);
    },
  );

  it('a packed directory is what tar unpacks to the same files', async () => {
    const unpacked = mkdtempSync(path.join(folder, 'unpacked-'));
    execFileSync('tar', ['--extract', `--directory=${unpacked}`], { input: archives.get('directory') });
    const filesOf = (dir: string): [string, Buffer][] =>
      readdirSync(dir)
        .sort()
        .map((name) => [name, readFileSync(path.join(dir, name))]);
    expect(filesOf(unpacked)).toEqual(filesOf(path.join(folder, database.name)));
  });
});
