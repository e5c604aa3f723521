import { describe, expect, it } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import fc from 'fast-check';
import type { ArchiveContents } from './contents.ts';
import { createInspector } from './create-inspector.ts';

const entry = (name: string, type: string, data = ''): string =>
  `--\n-- ${data}Name: ${name}; Type: ${type}; Schema: public; Owner: me\n--\n\n`;
const start = '--\n-- PostgreSQL database dump\n--\n\nSET standard_conforming_strings = on;\n\n';
const end = '--\n-- PostgreSQL database dump complete\n--\n\n';
const rowsOf = (name: string, text: string): string =>
  `${entry(name, 'TABLE DATA', 'Data for ')}COPY public.${name} (id, "a (b)") FROM stdin;\n${text}\\.\n\n\n`;
const objects = (text: string): string =>
  `${entry('BLOBS', 'BLOBS', 'Data for ')}BEGIN;\n\n${text}\nCOMMIT;\n\n`;
const object = `SELECT pg_catalog.lo_open('7', 131072);\nSELECT pg_catalog.lowrite(0, '\\x736576656e');\nSELECT pg_catalog.lo_close(0);\n`;
const script = (...parts: string[]): string => start + parts.join('') + end;

async function inspect(text: string, pieceBytes = 1_000_000): Promise<ArchiveContents> {
  const inspector = await createInspector('plain');
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    inspector.write(bytes.subarray(at, at + pieceBytes));
  }
  return inspector.end();
}

describe('a script', () => {
  it('is read whole, in pieces of any size', async () => {
    const text = script(entry('posts', 'TABLE'), rowsOf('posts', '1\t\\\\.\n2\t\\N\n'), objects(object));
    for (let pieceBytes = 1; pieceBytes < 40; pieceBytes += 1) {
      expect(await inspect(text, pieceBytes)).toMatchObject({
        tables: [{ schema: 'public', name: 'posts', columns: 'id, "a (b)"', rows: 2, bytes: 11 }],
        largeObjects: { count: 1, bytes: 5 },
        bytes: text.length,
      });
    }
  });

  it.each([
    [
      'a string',
      `SELECT '\n\\! id\n--\n-- Name: x; Type: TABLE; Schema: -; Owner: -\n''; COPY a FROM stdin;\n';`,
    ],
    ['a string that ends with a backslash', `COMMENT ON TABLE x IS 'C:\\';`],
    ['a string with escapes', `SELECT E'it\\'s \\\\', e'\\\\''\\! id';`],
    ['a name', `CREATE TABLE "a;\n\\! ""b" (x int);`],
    ['dollar quotes', `DO $a$ $b$ ' \\! $a1$ ; $a$;`],
    ['dollar quotes without a tag', `DO $$ $ \\! ' $$;`],
    ['a comment that nests', `SELECT 1 /* ' /* \\! */ ; */ ;`],
    ['a comment to the end of the line', `SELECT 1 -- it's \\! ;\n;`],
    ['parentheses', `CREATE RULE r AS ON INSERT TO x DO (NOTIFY a; NOTIFY b);`],
    [
      'the body of a function',
      `CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1; END;`,
    ],
    ['a name with dollars', `SELECT a$b$ FROM c$b$ WHERE 1 = '$b$';`],
  ])('has its statements cut where psql cuts them: %s', async (_what, statement) => {
    const text = script(entry('x', 'TABLE'), `${statement}\n\n`, rowsOf('posts', '1\tx\n'));
    for (const pieceBytes of [1, 3, 1_000]) {
      const { tables, entries } = await inspect(text, pieceBytes);
      expect([tables.length, entries.map(({ tag }) => tag)]).toEqual([1, ['STDSTRINGS', 'x', 'posts']]);
    }
  });

  it.each<[string, string, RegExp]>([
    [
      'a command of psql',
      script('\\! rm -rf /\n'),
      new RegExp(`offset ${start.length}: it holds the command "\\\\\\\\! rm -rf /"`),
    ],
    [
      'a command behind a statement',
      script('SELECT 1 \\gexec\n'),
      new RegExp(`offset ${start.length}: a command of psql stands in the middle`),
    ],
    [
      'a command behind a string that only seems to go on',
      script(`SELECT 'a\\' \\! id\n`),
      /in the middle of a statement/,
    ],
    ['a command among the rows', script(rowsOf('posts', '1\tx\n\\.\n\\! id\n')), /holds the command/],
    ['a command that includes a file', script('\\i /etc/passwd\n'), /holds the command/],
    ["a command disguised as pg_dump's own", script('\\restrict a b\n'), /holds the command/],
    [
      'a program to copy from',
      script(entry('x', 'TABLE DATA', 'Data for '), `COPY x FROM PROGRAM 'id';\n`),
      /not of the form/,
    ],
    [
      'rows in another form',
      script(entry('x', 'TABLE DATA', 'Data for '), 'copy x from stdin;\n\\.\n'),
      /not of the form/,
    ],
    ['a comment before rows', script('/* */ COPY x FROM stdin;\n\\.\n'), /begins with a comment/],
    [
      'rows in the same line',
      script(entry('x', 'TABLE DATA', 'Data for '), 'COPY public.x (id) FROM stdin; 1\n\\.\n'),
      /do not begin in the line/,
    ],
    [
      'rows that nobody announced',
      script(entry('x', 'TABLE'), 'COPY public.x (id) FROM stdin;\n\\.\n'),
      /no entry announces the rows of public\.x/,
    ],
    [
      'rows that come twice',
      script(rowsOf('x', ''), 'COPY public.x (id) FROM stdin;\n\\.\n'),
      /no entry announces/,
    ],
    [
      'rows that are missing',
      script(entry('x', 'TABLE DATA', 'Data for '), rowsOf('y', '')),
      /the data of public\.x is missing/,
    ],
    [
      'rows that are missing at the end',
      script(entry('x', 'TABLE DATA', 'Data for ')),
      /the data of public\.x is missing/,
    ],
    [
      'rows that do not end',
      start + entry('x', 'TABLE DATA', 'Data for ') + 'COPY public.x (id) FROM stdin;\n1\n',
      /cut short .*in the data of public\.x/,
    ],
    ['large objects that are missing', script(objects('')), /the data of public\.BLOBS is missing/],
    [
      'a large object in a large object',
      script(objects(object.slice(0, 40) + object)),
      /not opened and closed in turn/,
    ],
    ['a large object that does not end', script(objects(object.slice(0, 90))), /does not end/],
    [
      'data of a large object that is no data',
      script(objects(object.replace('7365', '73zz'))),
      /no hexadecimal text/,
    ],
    ['something behind the end', script() + 'DROP TABLE x;\n', /does not end as pg_dump ends it/],
    ['much behind the end', script() + ';'.repeat(2_000), /behind the end/],
    ['a beginning of its own', 'DROP TABLE x;\n' + script(), /offset 0: this is not a script of pg_dump/],
    [
      'another comment at its beginning',
      '-- hello\n' + script(),
      /offset 0: this is not a script of pg_dump/,
    ],
    ['no end', start, /cut short/],
    ['the lock of psql not opened again', start + '\\restrict a\n' + end, /does not end/],
    ['nothing in it', '', /cut short after 0 bytes/],
    ['something else in it', 'GIF89a and more', /cut short/],
  ])('with %s is refused', async (_what, text, detail) => {
    const refusal = { code: 'FILE_CORRUPTION', message: expect.stringMatching(detail) };
    await expect(inspect(text)).rejects.toMatchObject(refusal);
    await expect(inspect(text, 1)).rejects.toMatchObject(refusal);
  });

  it('with any bytes damaged neither hangs nor fails in another way', async () => {
    const whole = script(
      entry('x', 'FUNCTION'),
      `SELECT E'\\'' $a$ $a$ "" /* */ ();\n`,
      rowsOf('posts', '1\tx\n'),
      objects(object),
    );
    const damage = fc.array(
      fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(...`'"\\$;()-/*\n .xE`.split(''))),
      {
        minLength: 1,
      },
    );
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const characters = whole.split('');
        for (const [place, character] of changes) {
          characters[place] = character;
        }
        const outcome = await inspect(characters.join('')).catch((error: unknown) => error);
        expect(outcome instanceof Error && !(outcome instanceof AppError)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('of one endless statement is refused before it fills the memory', async () => {
    const inspector = await createInspector('plain');
    inspector.write(Buffer.from(`${start}SELECT '`));
    const more = Buffer.alloc(32 * 1024 * 1024, 'x');
    expect(() => {
      for (let written = 0; written < 10; written += 1) {
        inspector.write(more);
      }
    }).toThrow(/longer than any that pg_dump writes/);
  });
});
