import { describe, expect, it } from '@jest/globals';
import type { Anomaly } from '@holdfast/contracts/anomalies';
import fc from 'fast-check';
import { type BackupFigures, type EarlierFigures, judgeAnomalies } from './judge-anomalies.ts';

const megabyte = 1_000_000;

const figures = (given: Partial<BackupFigures> = {}): BackupFigures => ({
  storedBytes: 100 * megabyte,
  rawBytes: 300 * megabyte,
  durationSeconds: 100,
  tables: new Map([
    ['forum.posts', 10_000],
    ['forum.users', 500],
  ]),
  ...given,
});

const earlier = (
  given: Partial<BackupFigures> = {},
  accepted: EarlierFigures['accepted'] = [],
): EarlierFigures => ({ ...figures(given), isCompressedAlike: true, accepted });

const rows = (posts: number | null): Partial<BackupFigures> => ({
  tables: new Map([...(posts === null ? [] : [['posts', posts] as const]), ['others', 50_000]]),
});

const kindsOf = (anomalies: readonly Anomaly[]): string[] => anomalies.map(({ kind }) => kind);
const steady = Array.from({ length: 5 }, () => earlier());

describe('judgeAnomalies', () => {
  it('has nothing to say while there is no history', () => {
    expect(judgeAnomalies(figures({ tables: new Map(), storedBytes: 0, rawBytes: 0 }), [])).toEqual([]);
  });

  it('misses emptied and vanished tables, the largest loss first, and says from what it knows them', () => {
    const found = judgeAnomalies(figures({ tables: new Map([['forum.users', 0]]) }), [earlier(), earlier()]);
    expect(found).toEqual([
      {
        kind: 'rows_few',
        table: null,
        expected: 10_500,
        actual: 0,
        basis: 'from 2 earlier backups',
        sentence: 'All tables together have 0 rows where 10500 are usual, from 2 earlier backups.',
      },
      {
        kind: 'table_missing',
        table: 'forum.posts',
        expected: 10_000,
        actual: 0,
        basis: 'from 2 earlier backups',
        sentence: 'Table forum.posts is gone; it usually has 10000 rows, from 2 earlier backups.',
      },
      {
        kind: 'table_rows_few',
        table: 'forum.users',
        expected: 500,
        actual: 0,
        basis: 'from 2 earlier backups',
        sentence: 'Table forum.users has 0 rows where 500 are usual, from 2 earlier backups.',
      },
    ]);
  });

  it.each<[string, Partial<BackupFigures>, string]>([
    ['a stored file far smaller', { storedBytes: 40 * megabyte }, 'stored_size_small'],
    ['a stored file far larger', { storedBytes: 400 * megabyte }, 'stored_size_large'],
    ['an archive far smaller', { rawBytes: 100 * megabyte }, 'raw_size_small'],
    ['an archive far larger', { rawBytes: 1_000 * megabyte }, 'raw_size_large'],
    ['a backup far slower', { durationSeconds: 400 }, 'slow'],
  ])('marks %s once three earlier ones show what is usual', (_what, given, kind) => {
    expect(kindsOf(judgeAnomalies(figures(given), steady.slice(0, 2)))).toEqual([]);
    expect(kindsOf(judgeAnomalies(figures(given), steady.slice(0, 3)))).toEqual([kind]);
  });

  it('compares stored bytes and time only with backups compressed alike', () => {
    const uncompressed = steady.map((one) => ({ ...one, isCompressedAlike: false }));
    expect(
      judgeAnomalies(figures({ storedBytes: 1_000 * megabyte, durationSeconds: 9_000 }), uncompressed),
    ).toEqual([]);
  });

  it('leaves small differences alone, however large their share', () => {
    const small = { storedBytes: 20_000, rawBytes: 30_000, durationSeconds: 1, tables: new Map([['t', 19]]) };
    const history = Array.from({ length: 5 }, () => earlier(small));
    expect(
      judgeAnomalies(
        { storedBytes: 900_000, rawBytes: 1_000_000, durationSeconds: 59, tables: new Map() },
        history,
      ),
    ).toEqual([]);
  });

  it("does not take a queue's table that is sometimes empty for a loss", () => {
    const history = [1_000, 0, 400, 900, 0, 700].map((posts) => earlier(rows(posts)));
    expect(judgeAnomalies(figures(rows(0)), history)).toEqual([]);
  });

  it('is not led astray by a few odd ones among the earlier backups', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { maxLength: 4 }), fc.nat(), (odd, seed) => {
        const posts = [...odd, ...Array.from({ length: 9 - odd.length }, () => 10_000)];
        // The newest one is usual: what is not below it has lost nothing.
        const turned = posts.map((_value, index) => posts[(index + seed) % posts.length] as number);
        const history = [10_000, ...turned].map((value) => earlier(rows(value)));
        expect(kindsOf(judgeAnomalies(figures(rows(0)), history))).toContain('table_rows_few');
      }),
    );
  });

  it('takes what was accepted for usual, as often as it comes again', () => {
    const weekly = earlier(rows(0), judgeAnomalies(figures(rows(0)), [earlier(rows(9_000))]));
    const history = [9_000, 9_000, 9_000].map((posts) => earlier(rows(posts)));
    expect(kindsOf(judgeAnomalies(figures(rows(0)), history))).toEqual(['table_rows_few']);
    expect(judgeAnomalies(figures(rows(0)), [...history, weekly])).toEqual([]);
    // For this table alone, though.
    const other = { tables: new Map([['posts', 9_000]]) };
    expect(kindsOf(judgeAnomalies(figures(other), [...history, weekly]))).toContain('table_missing');
  });
});

const anyFigures: fc.Arbitrary<BackupFigures> = fc.record({
  storedBytes: fc.nat(10 ** 12),
  rawBytes: fc.option(fc.nat(10 ** 12)),
  durationSeconds: fc.option(fc.nat(10 ** 6)),
  tables: fc
    .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(10 ** 9))
    .map((tables) => new Map(Object.entries(tables))),
});
const anyHistory: fc.Arbitrary<EarlierFigures[]> = fc
  .array(
    fc.record({
      figures: anyFigures,
      isCompressedAlike: fc.boolean(),
    }),
    { maxLength: 10 },
  )
  .map((all) =>
    all.map(({ figures: of, isCompressedAlike }) => ({ ...of, isCompressedAlike, accepted: [] })),
  );

describe('judgeAnomalies, whatever the figures', () => {
  it('finds nothing in a backup like the newest good one, nor in the one after an accepted one', () => {
    fc.assert(
      fc.property(anyFigures, anyHistory, (backup, history) => {
        const accepted = judgeAnomalies(backup, history);
        expect(
          judgeAnomalies(backup, [{ ...backup, isCompressedAlike: true, accepted }, ...history]),
        ).toEqual([]);
      }),
    );
  });

  it('lets everything pass that lies between half and three times of what has always been', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 10 ** 9 }),
        fc.double({ min: 0.5, max: 3, noNaN: true }),
        fc.integer({ min: 1, max: 10 }),
        (level, share, count) => {
          const at = (value: number): BackupFigures => ({
            storedBytes: value,
            rawBytes: value,
            durationSeconds: value,
            tables: new Map([['t', value]]),
          });
          const history = Array.from({ length: count }, () => ({
            ...at(level),
            isCompressedAlike: true,
            accepted: [],
          }));
          expect(judgeAnomalies(at(level * share), history)).toEqual([]);
        },
      ),
    );
  });

  it('marks every lesser number of rows too where it marks one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(10 ** 6), { minLength: 1, maxLength: 10 }),
        fc.nat(10 ** 6),
        fc.nat(10 ** 6),
        (levels, one, other) => {
          const history = levels.map((posts) => earlier({ tables: new Map([['t', posts]]) }));
          const isMarked = (posts: number): boolean =>
            judgeAnomalies(figures({ tables: new Map([['t', posts]]) }), history).length > 0;
          expect(isMarked(Math.max(one, other)) && !isMarked(Math.min(one, other))).toBe(false);
        },
      ),
    );
  });

  it('does not depend on the order of the history but for its newest', () => {
    fc.assert(
      fc.property(anyFigures, anyHistory, (backup, [newest, ...older]) => {
        // Where its newest can be compared in everything.
        fc.pre(
          newest?.isCompressedAlike !== false &&
            newest?.rawBytes !== null &&
            newest?.durationSeconds !== null,
        );
        const history = newest === undefined ? [] : [newest];
        const sorted = (of: Anomaly[]) => of.toSorted((a, b) => a.sentence.localeCompare(b.sentence));
        expect(sorted(judgeAnomalies(backup, [...history, ...older.toReversed()]))).toEqual(
          sorted(judgeAnomalies(backup, [...history, ...older])),
        );
      }),
    );
  });
});
