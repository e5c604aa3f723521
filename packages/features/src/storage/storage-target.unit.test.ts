import { describe, expect, it } from '@jest/globals';
import { formatStorageTarget, parseStorageTarget, type S3Defaults } from './storage-target.ts';

const none: S3Defaults = { endpoint: null, region: 'us-east-1' };
const ours = { endpoint: 'http://storage:9000', region: 'eu-west-1' };

const canonical = (target: string, defaults = none): string =>
  formatStorageTarget(parseStorageTarget(target, defaults));

describe('a storage target', () => {
  it.each([
    ['/var/backups', 'file:///var/backups'],
    ['/var//backups/./', 'file:///var/backups'],
    ['file:///var/backups/', 'file:///var/backups'],
    ['file:///with%20space/ü', 'file:///with%20space/%C3%BC'],
    ['/with space/ü', 'file:///with%20space/%C3%BC'],
    ['s3://bucket', 's3://bucket?region=us-east-1'],
    ['s3://bucket/', 's3://bucket?region=us-east-1'],
    ['s3://bucket/pre/fix/', 's3://bucket/pre/fix?region=us-east-1'],
    ['s3://bucket?region=eu-west-1&forcePathStyle=false', 's3://bucket?region=eu-west-1'],
    [
      's3://bucket/p?endpoint=https://s3.example.org/',
      's3://bucket/p?endpoint=https%3A%2F%2Fs3.example.org&region=us-east-1',
    ],
  ])('%s is written %s, however often', (target, expected) => {
    expect(canonical(target)).toBe(expected);
    expect(canonical(expected)).toBe(expected);
  });

  it('takes the endpoint and region of the environment in, so that a stored one outlives them', () => {
    const stored = canonical('s3://bucket/p', ours);
    expect(stored).toBe('s3://bucket/p?endpoint=http%3A%2F%2Fstorage%3A9000&region=eu-west-1');
    expect(parseStorageTarget(stored, none)).toEqual({
      type: 's3',
      bucket: 'bucket',
      prefix: 'p',
      endpoint: 'http://storage:9000',
      region: 'eu-west-1',
      forcePathStyle: true,
    });
  });

  it.each([
    'backups',
    './backups',
    '',
    'http://bucket/x',
    'file://host/backups',
    'file:///backups?x=1',
    'file:///a%2Fb',
    's3://',
    's3://Bucket_X/y',
    's3://bucket/a//b',
    's3://bucket/a%2F..%2Fb',
    's3://bucket/%00',
    's3://bucket/%zz',
    's3://bucket?acl=public',
    's3://bucket?endpoint=ftp://x',
    's3://bucket?forcePathStyle=maybe',
    's3://bucket?region=x/y',
    `s3://bucket/${'x'.repeat(600)}`,
  ])('"%s" is refused', (target) => {
    expect(() => canonical(target)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });

  it('with credentials in it is refused without repeating them', () => {
    for (const target of ['s3://AKIA123:hunter2@bucket/p', 's3://bucket?endpoint=http://me:hunter2@host']) {
      try {
        canonical(target);
        throw new Error('accepted');
      } catch (error) {
        expect((error as Error).message).toMatch(/can not be used/);
        expect((error as Error).message).not.toMatch(/hunter2|AKIA/);
      }
    }
  });
});
