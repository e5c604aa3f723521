import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from './canonical-json.ts';
import { SecretBox } from './secret-box.ts';

const box = new SecretBox('a secret key that is long enough to use');

describe('SecretBox', () => {
  it('opens what it sealed, and never seals twice the same', () => {
    expect(box.open(box.seal('päss', 'a'), 'a')).toBe('päss');
    expect(box.seal('x', 'a')).not.toBe(box.seal('x', 'a'));
  });

  it('opens nothing that was moved, changed or sealed with another key', () => {
    const sealed = box.seal('secret', 'database 1');
    const changed = sealed.slice(0, -2) + (sealed.endsWith('AA') ? 'BB' : 'AA');
    const attempts = [
      () => box.open(sealed, 'database 2'),
      () => box.open(changed, 'database 1'),
      () => new SecretBox('another secret key, as long as it').open(sealed, 'database 1'),
      () => box.open('v1:a', 'database 1'),
      () => box.open('', 'database 1'),
    ];
    for (const attempt of attempts) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    }
  });

  it('signs for one purpose alone', () => {
    const signature = box.sign('text', 'manifest');
    expect([
      box.isSignedBy('text', 'manifest', signature),
      box.isSignedBy('text', 'other', signature),
      box.isSignedBy('test', 'manifest', signature),
      box.isSignedBy('text', 'manifest', ''),
    ]).toEqual([true, false, false, false]);
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of keys', () => {
    expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null })).toBe(
      canonicalJson({ a: null, b: [1, { c: 2, d: 1 }] }),
    );
    expect(canonicalJson([2, 1])).not.toBe(canonicalJson([1, 2]));
  });
});
