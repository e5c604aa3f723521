import { describe, expect, it } from '@jest/globals';
import { classifyToolFailure } from './classify-error.ts';
import { libpqEnvironment, parseDatabaseUrl } from './database-address.ts';
import { pgDumpArguments } from './pg-dump.ts';
import { restrictKey } from './psql.ts';

describe('pg_dump', () => {
  it('is called with names that can be neither options nor patterns', () => {
    const args = pgDumpArguments({
      lockWaitTimeoutMs: 5_000,
      snapshot: '0-1-1',
      selection: {
        isSchemaOnly: true,
        tables: [{ schema: 'public', name: '--file=/etc/passwd' }],
        schemas: ['*'],
        excludedTables: [{ schema: 's', name: 'a"b' }],
        excludedTableData: [{ schema: 'log', name: 'big' }],
      },
    });
    expect(args).toEqual([
      '--format=custom',
      '--compress=0',
      '--no-password',
      '--lock-wait-timeout=5000',
      '--snapshot=0-1-1',
      '--schema-only',
      '--strict-names',
      '--table="public"."--file=/etc/passwd"',
      '--schema="*"',
      '--exclude-table="s"."a""b"',
      '--exclude-table-data="log"."big"',
    ]);
  });

  it('writes a directory by several jobs, and everything else to standard output', () => {
    const given = { lockWaitTimeoutMs: 5_000, selection: {} };
    const start = ['--compress=0', '--no-password', '--lock-wait-timeout=5000'];
    expect(pgDumpArguments({ ...given, output: { format: 'plain' } })).toEqual(['--format=plain', ...start]);
    expect(
      pgDumpArguments({ ...given, output: { format: 'directory', folder: '/scratch/x', jobs: 4 } }),
    ).toEqual(['--format=directory', '--file=/scratch/x', '--jobs=4', '--no-sync', ...start]);
  });

  it('gets the connection by its environment, and nothing of ours besides', () => {
    process.env['A_SECRET_OF_OURS'] = 'x';
    const address = parseDatabaseUrl(
      'postgresql://some%40one:p%3Aw@[::1]:5433/weird%20name%3Dx?sslmode=require',
    );
    const environment = libpqEnvironment(address, {
      applicationName: 'holdfast/backup/1/1',
      connectTimeoutMs: 30_000,
    });
    expect(environment).toMatchObject({
      PGHOST: '::1',
      PGPORT: '5433',
      PGUSER: 'some@one',
      PGPASSWORD: 'p:w',
      PGDATABASE: 'weird name=x',
      PGSSLMODE: 'require',
      PGAPPNAME: 'holdfast/backup/1/1',
      PGCONNECT_TIMEOUT: '30',
    });
    expect(environment).not.toHaveProperty('A_SECRET_OF_OURS');
    delete process.env['A_SECRET_OF_OURS'];
  });

  it.each(['not a url', 'postgresql://h/d', 'postgresql://u@h/', 'postgresql://u:secret@h/d?sslmode=maybe'])(
    'refuses the URL "%s" without repeating it',
    (url) => {
      expect(() => parseDatabaseUrl(url)).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.not.stringContaining('secret') }),
      );
    },
  );

  it.each([
    ['15.13', false],
    ['15.14', true],
    ['12.22', false],
    ['17.6', true],
    ['17.5', false],
    ['18.0', true],
    ['18', true],
  ])('of version %s can lock psql: %s', (version, isLockable) => {
    const client = {
      pgDump: 'd',
      pgRestore: 'r',
      psql: 'p',
      version,
      majorVersion: Number.parseInt(version, 10),
      isConfigured: false,
    };
    expect(restrictKey(client) !== null).toBe(isLockable);
  });
});

describe('classifyToolFailure', () => {
  it.each([
    ['connection to server at "h" failed: Connection refused', 'CONNECTION_FAILED', true],
    ['FATAL:  the database system is starting up', 'CONNECTION_FAILED', true],
    ['FATAL:  sorry, too many clients already', 'CONNECTION_FAILED', true],
    ['FATAL:  password authentication failed for user "u"', 'CONNECTION_FAILED', false],
    ['FATAL:  database "x" does not exist', 'CONNECTION_FAILED', false],
    ['ERROR:  permission denied for table secrets', 'PERMISSION_DENIED', false],
    [
      'ERROR:  query would be affected by row-level security policy for table "t"',
      'PERMISSION_DENIED',
      false,
    ],
    ['ERROR:  canceling statement due to lock timeout', 'LOCKED', true],
    ['could not write: No space left on device', 'INSUFFICIENT_SPACE', false],
    ['aborting because of server version mismatch', 'VERSION_MISMATCH', false],
    ['ERROR:  relation "public.dropped_meanwhile" does not exist', 'TOOL_FAILED', true],
    ['something new', 'TOOL_FAILED', false],
  ])('"%s" is %s', (stderr, code, transient) => {
    expect(classifyToolFailure('pg_dump', 'exited with status 1', stderr)).toMatchObject({ code, transient });
  });
});
