import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matchSelection, type RequestedSelection } from './match-selection.ts';
import { displayName, relationMatcher } from './selected-name.ts';
import type { CatalogueTable, SelectionCatalogue } from './selection-catalogue.ts';

let lastOid = 0;
const table = (schema: string, name: string, parents: CatalogueTable[] = []): CatalogueTable => ({
  oid: (lastOid += 1),
  fileNode: lastOid,
  schema,
  name,
  kind: 'r',
  sizeBytes: 8192,
  parents: parents.map((parent) => parent.oid),
});

const events = table('public', 'events');
const january = table('public', 'events_january', [events]);
const firstWeek = table('archive', 'events_first_week', [january]);
const catalogue: SelectionCatalogue = {
  encoding: 'UTF8',
  schemas: ['public', 'forum', 'archive', 'a', 'a.b', 'tenant_1', 'tenant_2'],
  tables: [
    events,
    january,
    firstWeek,
    table('public', 'posts'),
    table('forum', 'posts'),
    table('forum', 'Threads'),
    table('public', 'p*'),
    table('public', 'say "hi"'),
    table('public', 'with space'),
    table('public', 'ОТВЕТ'),
    table('a', 'b.c'),
    table('a.b', 'c'),
    table('tenant_1', 'log_2025'),
    table('tenant_2', 'log_2026'),
  ],
};

const request = (given: Partial<RequestedSelection>) =>
  matchSelection(catalogue, {
    includedTables: [],
    includedSchemas: ['public'],
    excludedTables: [],
    excludedTableData: [],
    selectionPatterns: false,
    ...given,
  });
const chosen = (given: Partial<RequestedSelection>): string[] => {
  const { chosen: tables, problems } = request(given);
  expect(problems).toEqual([]);
  return tables.map(displayName).sort();
};
const faults = (given: Partial<RequestedSelection>) =>
  request(given).problems.map(({ path, message }) => `${path}: ${message}`);

describe('a literal name', () => {
  it.each<[string, string]>([
    ['posts', 'public.posts'],
    ['forum.posts', 'forum.posts'],
    ['"forum"."posts"', 'forum.posts'],
    ['p*', 'public.p*'],
    ['say "hi"', 'public.say "hi"'],
    ['"say ""hi"""', 'public.say "hi"'],
    ['with space', 'public.with space'],
    ['ОТВЕТ', 'public.ОТВЕТ'],
    ['"a.b"."c"', 'a.b.c'],
    ['forum."Threads"', 'forum.Threads'],
  ])('%s means %s and nothing else', (name, expected) => {
    expect(chosen({ includedTables: [name] })).toEqual([expected]);
  });

  it('that could be two tables is refused with the ways to say which', () => {
    expect(faults({ includedTables: ['a.b.c'] })).toEqual([
      '/includedTables/0: "a.b.c" could be several tables: write "a"."b.c" or "a.b"."c"',
    ]);
    expect(faults({ includedTables: ['posts'], includedSchemas: ['public', 'forum'] })).toEqual([
      '/includedTables/0: "posts" could be several tables: write "public"."posts" or "forum"."posts"',
    ]);
  });

  it('that is unknown is refused with the nearest', () => {
    expect(
      faults({ includedTables: ['post'], excludedTables: ['forum.thread'], includedSchemas: ['publik'] }),
    ).toEqual([
      '/includedSchemas/0: there is no schema "publik"; the nearest: "public"',
      '/includedTables/0: there is no table "post"; the nearest: "forum.posts", "public.posts"',
      '/excludedTables/0: there is no table "forum.thread"; the nearest: "forum.Threads"',
    ]);
    expect(faults({ excludedTableData: ['nothing like it at all'] })).toEqual([
      '/excludedTableData/0: there is no table "nothing like it at all"',
    ]);
  });

  it('always finds its table, quoted as SQL quotes it, whatever a table is called', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(name, name, (schema, bare) => {
        const quoted = [schema, bare].map((text) => `"${text.replaceAll('"', '""')}"`).join('.');
        for (const isPattern of [false, true]) {
          const matches = relationMatcher(quoted, { isPattern, searchedSchemas: [] });
          expect(matches({ schema, name: bare })).toBe(true);
          expect(matches({ schema, name: `${bare}x` })).toBe(false);
        }
      }),
    );
  });
});

describe('a pattern', () => {
  const patterns = (given: Partial<RequestedSelection>) => chosen({ selectionPatterns: true, ...given });

  it.each<[string, string[]]>([
    ['tenant_*.log_*', ['tenant_1.log_2025', 'tenant_2.log_2026']],
    ['tenant_?.log_2025', ['tenant_1.log_2025']],
    ['p*', ['public.p*', 'public.posts']],
    ['p\\*', ['public.p*']],
    ['"p*"', ['public.p*']],
    ['ОТВЕ?', ['public.ОТВЕТ']],
  ])('%s means %j', (pattern, expected) => {
    expect(patterns({ includedTables: [pattern] })).toEqual(expected);
  });

  it('works for schemas, and what it excludes is taken from what it includes', () => {
    expect(patterns({ includedSchemas: ['tenant_*'] })).toEqual(['tenant_1.log_2025', 'tenant_2.log_2026']);
    expect(patterns({ includedTables: ['*.log_*'], excludedTables: ['tenant_2.*'] })).toEqual([
      'tenant_1.log_2025',
    ]);
  });

  it('that matches nothing is refused, and so is one that leaves nothing', () => {
    expect(faults({ selectionPatterns: true, includedTables: ['x*'], includedSchemas: ['y*'] })).toEqual([
      '/includedSchemas/0: no schema matches "y*"',
      '/includedTables/0: no table matches "x*"',
    ]);
    expect(faults({ selectionPatterns: true, includedTables: ['posts'], excludedTables: ['p*'] })).toEqual([
      '/excludedTables: nothing is left of what is included',
    ]);
  });
});

describe('a partitioned table', () => {
  it('brings its partitions, in other schemas and of partitions too', () => {
    expect(chosen({ includedTables: ['events'] })).toEqual([
      'archive.events_first_week',
      'public.events',
      'public.events_january',
    ]);
  });

  it('takes them along when it is left out, with its definition or with its rows alone', () => {
    expect(chosen({ excludedTables: ['events'] })).not.toContain('public.events_january');
    const { withoutRows } = request({ includedSchemas: [], excludedTableData: ['events'] });
    expect(withoutRows.map(displayName)).toEqual([
      'public.events',
      'public.events_january',
      'archive.events_first_week',
    ]);
  });

  it('may lose a partition, but not one that is asked for by name', () => {
    expect(chosen({ includedTables: ['events'], excludedTables: ['archive.events_first_week'] })).toEqual([
      'public.events',
      'public.events_january',
    ]);
    expect(faults({ includedTables: ['events_january'], excludedTables: ['events'] })).toEqual([
      '/includedTables/0: "events_january" is both included and excluded',
    ]);
  });
});
