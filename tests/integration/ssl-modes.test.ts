/** sslMode is honoured by the driver and by pg_dump alike: a server with TLS, one authority of ours and one that is not. */
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { DatabaseInput, DatabaseTest } from '@holdfast/contracts/databases';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import { runCommand } from '@holdfast/platform/process/run-command';
import { queryOnce } from '@holdfast/testkit/databases';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(90_000);

describe('sslMode', () => {
  let stack: TestStack;
  let client: TestClient;
  let postgres: PrivatePostgres;
  let authority: string;
  let otherAuthority: string;
  let count = 0;

  /** Signed by itself, for `localhost` alone: 127.0.0.1 is a name that it does not have. */
  const certificate = async (folder: string, name: string): Promise<{ cert: string; key: string }> => {
    const cert = path.join(folder, `${name}.crt`);
    const key = path.join(folder, `${name}.key`);
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
    await runCommand('openssl', [...request, ...subject, '-keyout', key, '-out', cert]);
    return { cert, key };
  };

  beforeAll(async () => {
    const account = await findServiceAccount();
    const home = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'tls-'));
    const folder = await reachableFolder(
      path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'tls-server'),
      account,
    );
    const { cert, key } = await certificate(folder, 'server');
    if (account !== null) {
      await chown(key, account.uid, account.gid);
      await chown(cert, account.uid, account.gid);
    }
    authority = path.join(home, 'authority.crt');
    await runCommand('cp', [cert, authority]);
    otherAuthority = (await certificate(home, 'other')).cert;
    postgres = new PrivatePostgres({
      folder,
      binDir: (await findPrograms())?.postgresBinDir as string,
      account,
      settings: { fsync: 'off', ssl: 'on', ssl_cert_file: cert, ssl_key_file: key },
    });
    await postgres.start();
    await postgres.createDatabase('guarded');
    const url = postgres.url('guarded');
    await queryOnce(
      url,
      `CREATE TABLE t (id int); CREATE ROLE encrypted LOGIN SUPERUSER PASSWORD 'secret'; CREATE ROLE naked LOGIN SUPERUSER PASSWORD 'secret'`,
    );
    await writeFile(
      path.join(postgres.dataDir, 'pg_hba.conf'),
      [
        'hostssl all encrypted all scram-sha-256',
        'hostnossl all naked all scram-sha-256',
        'host all holdfast all scram-sha-256',
        '',
      ].join('\n'),
    );
    await queryOnce(url, 'SELECT pg_reload_conf()');
    stack = await TestStack.create({ targetUrl: url, settings: { max_retries: 0, connection_timeout: 5 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => {
    await stack.destroy();
    await postgres.stop('immediate');
    await rm(path.dirname(postgres.dataDir), { recursive: true, force: true });
  });

  /** What a test of such an entry says, and how a backup through it ends. */
  const attempt = async (changes: Partial<DatabaseInput>): Promise<{ seen: string; backup: string }> => {
    const { hostname, port, username, password } = new URL(postgres.url('guarded'));
    count += 1;
    const databaseName = `guarded_${count}`;
    await queryOnce(postgres.url('postgres'), `CREATE DATABASE ${databaseName} TEMPLATE guarded`);
    const made = await client.post<{ id: number }>('/databases', {
      name: databaseName,
      host: hostname,
      port: Number(port),
      databaseName,
      username,
      password: decodeURIComponent(password),
      ...changes,
    });
    const test = await client.send<DatabaseTest & { code: string }>('POST', `/databases/${made.id}/test`);
    const backup = await stack.backUp(client, { databaseId: made.id });
    return {
      seen: test.status === 200 ? (test.body.isEncrypted ? 'encrypted' : 'plain') : test.body.code,
      backup: backup.errorCode ?? backup.status,
    };
  };
  const encrypted = { username: 'encrypted', password: 'secret' };
  const naked = { username: 'naked', password: 'secret' };

  it.each<[string, Partial<DatabaseInput>, string]>([
    ['disable goes in the clear', { sslMode: 'disable' }, 'plain'],
    [
      'disable can not enter where TLS is asked for',
      { sslMode: 'disable', ...encrypted },
      'CONNECTION_FAILED',
    ],
    ['allow goes in the clear where it may', { sslMode: 'allow' }, 'plain'],
    ['allow encrypts where it must', { sslMode: 'allow', ...encrypted }, 'encrypted'],
    ['prefer encrypts', { sslMode: 'prefer' }, 'encrypted'],
    ['prefer goes in the clear where it must', { sslMode: 'prefer', ...naked }, 'plain'],
    ['require encrypts', { sslMode: 'require' }, 'encrypted'],
    ['require does not go in the clear', { sslMode: 'require', ...naked }, 'CONNECTION_FAILED'],
  ])('%s', async (_what, changes, seen) => {
    expect(await attempt(changes)).toEqual({
      seen,
      backup: seen === 'CONNECTION_FAILED' ? 'CONNECTION_FAILED' : 'completed',
    });
  });

  it.each<[string, () => Partial<DatabaseInput>, string]>([
    [
      'verify-ca trusts its authority, whatever the host is called',
      () => ({ sslMode: 'verify-ca', sslRootCert: authority }),
      'encrypted',
    ],
    [
      'verify-ca does not trust another',
      () => ({ sslMode: 'verify-ca', sslRootCert: otherAuthority }),
      'CONNECTION_FAILED',
    ],
    [
      'verify-full wants the name too',
      () => ({ sslMode: 'verify-full', sslRootCert: authority }),
      'CONNECTION_FAILED',
    ],
    [
      'verify-full is content with the right name',
      () => ({ sslMode: 'verify-full', sslRootCert: authority, host: 'localhost' }),
      'encrypted',
    ],
  ])('%s', async (_what, changes, seen) => {
    expect(await attempt(changes())).toEqual({
      seen,
      backup: seen === 'CONNECTION_FAILED' ? 'CONNECTION_FAILED' : 'completed',
    });
  });
});
