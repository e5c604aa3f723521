import { describe, expect, it } from '@jest/globals';
import type { Manifest } from '@holdfast/contracts/manifest';
import { describeContents } from './describe-contents.ts';

const table = (schema: string, name: string, rows: number) => ({
  schema,
  name,
  rows,
  bytes: rows * 10,
  digest: '0',
});
const manifest = {
  tables: [table('public', 'a', 1), table('public', 'b', 5), table('data', 'a', 3)],
  sequences: [],
  largeObjects: { count: 0, bytes: 0, digest: '0' },
} as unknown as Manifest;
const object = (kind: string, schema: string, name: string) => ({ kind, schema, name, owner: 'o' });
const objects = [
  object('SCHEMA', '', 'data'),
  object('TABLE', 'public', 'a'),
  object('TABLE', 'public', 'b'),
  object('TABLE', 'public', 'partitioned'),
  object('TABLE DATA', 'public', 'a'),
  object('TABLE DATA', 'public', 'b'),
  object('TABLE DATA', 'data', 'a'),
  object('INDEX', 'public', 'A_index'),
];
const look = (query: object) => describeContents({ id: 1, manifest }, objects, query);

describe('describeContents', () => {
  it('tells rows with the table, data alone where the table is not in the backup, and nothing of a table without rows of its own', () => {
    expect(look({}).items.map(({ kind, schema, name, rows }) => [kind, schema, name, rows])).toEqual([
      ['SCHEMA', '', 'data', null],
      ['TABLE', 'public', 'a', 1],
      ['TABLE', 'public', 'b', 5],
      ['TABLE', 'public', 'partitioned', null],
      ['TABLE DATA', 'data', 'a', 3],
      ['INDEX', 'public', 'A_index', null],
    ]);
    expect(look({}).summary).toMatchObject({
      tables: 3,
      rows: 9,
      bytes: 90,
      kinds: { TABLE: 3, 'TABLE DATA': 1 },
    });
  });

  it('sorts by name, rows and bytes either way, unknown figures as the smallest', () => {
    const names = (query: object) => look(query).items.map(({ name }) => name);
    expect(names({ sortBy: 'rows', sortOrder: 'desc', limit: 2 })).toEqual(['b', 'a']);
    expect(names({ sortBy: 'bytes', kind: ['TABLE'] })).toEqual(['partitioned', 'a', 'b']);
    expect(names({ sortBy: 'name' })[0]).toBe('A_index');
  });

  it('refuses a cursor of another order', () => {
    const { nextCursor } = look({ limit: 2 }).pagination;
    expect(look({ limit: 2, cursor: nextCursor }).items.map(({ name }) => name)).toEqual([
      'b',
      'partitioned',
    ]);
    expect(() => look({ cursor: nextCursor, sortBy: 'name' })).toThrow(
      expect.objectContaining({ code: 'VALIDATION_FAILED' }),
    );
  });
});
