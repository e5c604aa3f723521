import { describe, expect, it } from '@jest/globals';
import type { KeyCheck } from '@holdfast/contracts/keys';
import { judgeKeys } from './judge-keys.ts';

const now = new Date('2026-03-10T12:00:00Z');

const check = (given: Partial<KeyCheck> & { daysAgo?: number } = {}): KeyCheck => {
  const { daysAgo = 0, ...rest } = given;
  const isOpened = rest.isOpened ?? true;
  return {
    recipients: ['age1a'],
    backupId: 7,
    workerId: 'one',
    isOpened,
    errorCode: isOpened ? null : 'INVALID_CONFIG',
    errorMessage: isOpened ? null : 'None fits.',
    errorRemediation: isOpened ? null : 'Give it the key.',
    checkedAt: new Date(now.getTime() - daysAgo * 86_400_000).toISOString(),
    ...rest,
  };
};

describe('judgeKeys', () => {
  it('has nothing to say while a worker opened the newest backup lately', () => {
    const opened = check({ daysAgo: 1 });
    expect(judgeKeys({ newest: opened, newestOpened: opened }, now)).toBeNull();
  });

  it('misses a check that was never made, and one that is days old', () => {
    expect(judgeKeys({ newest: null, newestOpened: null }, now)).toMatchObject({ severity: 'warning' });
    const old = check({ daysAgo: 5 });
    expect(judgeKeys({ newest: old, newestOpened: old }, now)).toMatchObject({
      severity: 'warning',
      cause: expect.stringContaining('5 days ago'),
    });
  });

  it('finds a key that no longer opens critical, though it did before on the same worker or long ago on another', () => {
    const failed = check({ isOpened: false });
    for (const newestOpened of [null, check({ daysAgo: 1 }), check({ daysAgo: 3, workerId: 'two' })]) {
      expect(judgeKeys({ newest: failed, newestOpened }, now)).toEqual({
        severity: 'critical',
        cause: 'Worker one could not open backup 7: None fits.',
        remediation: 'Give it the key.',
      });
    }
  });

  it('only warns where another worker opened it lately', () => {
    expect(
      judgeKeys(
        { newest: check({ isOpened: false }), newestOpened: check({ daysAgo: 1, workerId: 'two' }) },
        now,
      ),
    ).toMatchObject({ severity: 'warning', cause: expect.stringContaining('Worker two did at') });
  });
});
