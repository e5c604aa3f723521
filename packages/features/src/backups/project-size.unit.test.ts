import { describe, expect, it } from '@jest/globals';
import { type EarlierBackup, projectSize } from './project-size.ts';

const earlier = (given: Partial<EarlierBackup>): EarlierBackup => ({
  backupType: 'full',
  compressionType: 'zstd',
  rawBytes: 2_000_000,
  storedBytes: 500_000,
  durationSeconds: 2,
  tableBytes: 4_000_000,
  ...given,
});
const planned = {
  backupType: 'full',
  compressionType: 'zstd',
  tableBytes: 8_000_000,
  tableCount: 10,
} as const;

describe('projectSize', () => {
  it('says that it is a model while there is no history', () => {
    expect(projectSize(planned, [])).toEqual({
      rawBytes: { value: 7_600_000, basis: 'model: 0.95 bytes for each byte of the tables' },
      storedBytes: { value: 2_584_000, basis: 'model: zstd leaves 34 % of the raw bytes' },
      durationSeconds: { value: 1, basis: 'model: 120 MB of raw bytes a second' },
    });
  });

  it('goes by what earlier backups came to, the large ones more than the small', () => {
    const history = [
      earlier({}),
      earlier({ rawBytes: 6_000_000, storedBytes: 1_500_000, durationSeconds: 6, tableBytes: 12_000_000 }),
    ];
    const basis = 'from 2 earlier backups of this database';
    expect(projectSize(planned, history)).toEqual({
      rawBytes: { value: 4_000_000, basis },
      storedBytes: { value: 1_000_000, basis },
      durationSeconds: { value: 4, basis },
    });
  });

  it('takes each figure from backups that are alike in it', () => {
    const projected = projectSize({ ...planned, compressionType: 'none' }, [earlier({})]);
    expect(projected.rawBytes.basis).toBe('from 1 earlier backup of this database');
    expect(projected.storedBytes).toEqual({
      value: 4_000_000,
      basis: 'model: none leaves 100 % of the raw bytes',
    });
    const schema = projectSize({ ...planned, backupType: 'schema' }, [earlier({})]);
    expect(schema.rawBytes).toEqual({
      value: 20_000,
      basis: 'model: 2000 bytes for each table, view and sequence',
    });
  });
});
