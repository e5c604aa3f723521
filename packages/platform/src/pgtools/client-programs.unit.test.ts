import { describe, expect, it } from '@jest/globals';
import { flawsOf, isPatched, patchedRelease } from './client-flaws.ts';
import { chooseClient, type ClientPrograms } from './client-programs.ts';

const client = (version: string, isConfigured = false): ClientPrograms => ({
  version,
  majorVersion: Number.parseInt(version, 10),
  pgDump: `/${version}/pg_dump`,
  pgRestore: `/${version}/pg_restore`,
  psql: `/${version}/psql`,
  isConfigured,
});

describe('the client for a server', () => {
  it.each<[string, string[], string]>([
    ['15.3', ['15.9'], '15.9'],
    // What a newer pg_dump writes the server's own pg_restore can't read, and what a newer pg_restore sends it refuses.
    ['15.3', ['18.1', '17.2', '15.9', '15.4'], '15.9'],
    ['15.3', ['18.1', '17.2', '14.9'], '17.2'],
    ['16.1 (Debian 16.1-1)', ['17.2', '16.0'], '16.0'],
    ['18beta1', ['18.0', '17.2'], '18.0'],
  ])('%s, with %j installed, is %s', (server, versions, expected) => {
    expect(
      chooseClient(
        versions.map((version) => client(version)),
        server,
      ).version,
    ).toBe(expected);
  });

  it('is of a configured folder where one of those suits, and of the usual ones otherwise', () => {
    expect(chooseClient([client('17.2', true), client('15.9')], '15.3').version).toBe('17.2');
    expect(chooseClient([client('15.9'), client('14.2', true)], '15.3').version).toBe('15.9');
  });

  it('is never older than the server: VERSION_MISMATCH names both and what to install', () => {
    for (const [clients, words] of [
      [[client('15.9')], '15.9'],
      [[], 'missing'],
    ] as const) {
      expect(() => chooseClient(clients, '16.1 (Debian)')).toThrow(
        expect.objectContaining({
          code: 'VERSION_MISMATCH',
          message: expect.stringContaining(words),
          remediation: expect.stringContaining('postgresql-client-16'),
        }),
      );
    }
  });
});

describe('a client below a mended release', () => {
  it.each<[string, number, string | null]>([
    ['15.13', 3, '15.20'],
    ['15.14', 2, '15.20'],
    ['15.19', 1, '15.20'],
    ['15.20', 0, null],
    ['15.20 (Debian 15.20-0+deb12u1)', 0, null],
    ['17.11', 1, '17.12'],
    ['18.0', 2, '18.7'],
    ['19.0', 0, null],
    ['13.22', 2, null],
    ['12.22', 3, null],
  ])('%s has %i known flaws left, gone with %s', (version, count, release) => {
    expect([flawsOf(version).length, isPatched(version), patchedRelease(version)]).toEqual([
      count,
      count === 0,
      release,
    ]);
  });
});
