import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backupFilename, backupPath, pathOfAttempt } from './backup-path.ts';

const naming = {
  databaseName: 'degentalk',
  backupType: 'full',
  source: 'manual',
  backupFormat: 'custom',
  compressionType: 'gzip',
  isEncrypted: false,
  at: new Date('2024-06-24T14:30:00.123Z'),
} as const;

describe('backupFilename', () => {
  it('is as the specification has it', () => {
    expect(backupPath(naming)).toBe('manual/degentalk_full_2024-06-24_14-30-00.dump.gz');
    expect(backupFilename({ ...naming, compressionType: 'zstd', backupType: 'schema' })).toBe(
      'degentalk_schema_2024-06-24_14-30-00.dump.zst',
    );
    expect(backupFilename({ ...naming, compressionType: 'zstd', isEncrypted: true })).toBe(
      'degentalk_full_2024-06-24_14-30-00.dump.zst.age',
    );
    expect(backupFilename({ ...naming, compressionType: 'none', uniqueId: 7 })).toBe(
      'degentalk_full_2024-06-24_14-30-00_7.dump',
    );
  });

  it.each([
    ['custom', 'zstd', '.dump.zst'],
    ['plain', 'gzip', '.sql.gz'],
    ['plain', 'none', '.sql'],
    ['tar', 'zstd', '.tar.zst'],
    ['directory', 'none', '.tar'],
  ] as const)('ends for %s and %s with %s', (backupFormat, compressionType, suffix) => {
    expect(backupFilename({ ...naming, backupFormat, compressionType })).toBe(
      `degentalk_full_2024-06-24_14-30-00${suffix}`,
    );
  });

  it.each([
    ['../../etc/passwd', '__.._etc_passwd'],
    ['-rf', '_rf'],
    ['.hidden', '_hidden'],
    ['', '_'],
    ['Grüße 世界', 'Grüße_世界'],
  ])('makes "%s" harmless', (databaseName, start) => {
    expect(backupFilename({ ...naming, databaseName }).startsWith(`${start}_full_`)).toBe(true);
  });

  it('is one safe path component of a length that fits, whatever a database is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 120 }), (databaseName) => {
        const filename = backupFilename({ ...naming, databaseName, uniqueId: 2_147_483_647 });
        expect(filename).toMatch(/^[^./-][^/\0\n]*\.dump\.gz$/u);
        expect(Buffer.byteLength(filename)).toBeLessThanOrEqual(255);
      }),
    );
  });
});

describe('pathOfAttempt', () => {
  it('names every attempt otherwise, from the name of any other', () => {
    const paths = [undefined, 7].flatMap((uniqueId) =>
      (['zstd', 'none'] as const).map((compressionType) =>
        backupPath({
          ...naming,
          databaseName: 'a.dump_2024-01-01_00-00-00',
          compressionType,
          ...(uniqueId === undefined ? {} : { uniqueId }),
        }),
      ),
    );
    for (const first of paths) {
      const second = pathOfAttempt(first, 2);
      expect(second).toMatch(/14-30-00(_7)?_attempt2\.dump(\.zst)?$/);
      expect(pathOfAttempt(first, 1)).toBe(first);
      expect(pathOfAttempt(second, 1)).toBe(first);
      expect(pathOfAttempt(second, 13)).toBe(pathOfAttempt(first, 13));
    }
    expect(pathOfAttempt('manual/forum_full_2024-06-24_14-30-00.tar.zst.age', 3)).toBe(
      'manual/forum_full_2024-06-24_14-30-00_attempt3.tar.zst.age',
    );
  });
});
