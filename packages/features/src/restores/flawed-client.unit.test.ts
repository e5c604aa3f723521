import { describe, expect, it } from '@jest/globals';
import { flawedClientError } from './flawed-client.ts';

describe('flawedClientError', () => {
  const flawed = { version: '15.10' };
  const own = { source: 'manual', isManifestSigned: true } as const;

  it('stands against what was made elsewhere and a client with flaws, with the release that mends them', () => {
    for (const backup of [{ ...own, source: 'imported' } as const, { ...own, isManifestSigned: false }]) {
      const error = flawedClientError(backup, flawed);
      expect(error).toMatchObject({ code: 'VERSION_MISMATCH', message: expect.stringContaining('CVE-') });
      expect(error?.remediation).toMatch(/Install 15\.\d+ on the workers/);
    }
  });

  it('lets our own backups pass, and everything by a client without flaws', () => {
    expect(flawedClientError(own, flawed)).toBeNull();
    expect(flawedClientError({ ...own, source: 'imported' }, { version: '99.1' })).toBeNull();
  });
});
