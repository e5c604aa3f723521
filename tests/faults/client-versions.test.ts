/** Servers newer than every client: refused before a byte, with what to install, also where a client lies; older ones are backed up. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadDemoForum } from '@holdfast/demo';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { otherPostgres } from '@holdfast/testkit/other-postgres';
import { queryOnce } from '@holdfast/testkit/databases';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(90_000);

describe('a server newer than every client', () => {
  let folder: string;
  let postgres: PrivatePostgres;
  let stack: TestStack;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'newer-'));
    await chmod(folder, 0o755);
    postgres = await otherPostgres(folder, 'newer');
    await postgres.start();
    await postgres.createDatabase('app');
    await queryOnce(postgres.url('app'), 'CREATE TABLE things AS SELECT generate_series(1, 1000) AS id');
  });
  afterAll(async () => {
    await postgres.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  });

  it.each<[string, boolean, RegExp]>([
    [
      'found by their version',
      false,
      /The server runs PostgreSQL 18\.\d.*the newest pg_dump here is \d+\.\d/,
    ],
    ['although one claims to be newer: pg_dump itself refuses', true, /server version mismatch/],
  ])('fails with VERSION_MISMATCH before a byte is stored, %s', async (_what, isLying, words) => {
    stack = await TestStack.create({ targetUrl: postgres.url('app') });
    const { client } = await stack.startApi();
    if (!isLying) {
      expect(await client.post('/databases/1/test')).toMatchObject({
        isUsable: false,
        client: null,
        problems: [{ code: 'VERSION_MISMATCH', detail: expect.stringMatching(words) }],
      });
    }
    await stack.startWorker(
      isLying ? { HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'warns') } : {},
    );
    const backup = await stack.backUp(client);
    expect(backup).toMatchObject({
      status: 'failed',
      errorCode: 'VERSION_MISMATCH',
      retryCount: 0,
      fileSize: 0,
    });
    expect(backup.errorMessage).toMatch(words);
    expect(backup.errorRemediation).toContain(isLying ? 'client version' : 'postgresql-client-18');
    expect(await stack.storedFiles()).toEqual([]);
    expect(await stack.operationSessions()).toEqual([]);
    await stack.destroy();
  });
});

describe('a server older than the client', () => {
  it('is backed up and drilled like any other, globals and rows left out included', async () => {
    const folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'older-'));
    await chmod(folder, 0o755);
    const postgres = await otherPostgres(folder, 'older');
    await postgres.start();
    await postgres.createDatabase('forum');
    await loadDemoForum({ connectionString: postgres.url('forum'), targetBytes: 5_000_000 });
    const stack = await TestStack.create({ targetUrl: postgres.url('forum'), settings: { max_retries: 0 } });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const backup = await stack.backUp(client, {
      compressionType: 'zstd',
      includeGlobals: true,
      excludedTableData: ['audit_events'],
    });
    expect([backup.errorMessage, backup.postgresVersion]).toEqual([null, expect.stringMatching(/^13\./)]);
    const drill = await stack.drill(client, backup.id);
    expect([drill.errorMessage, drill.result?.differences]).toEqual([null, []]);
    await stack.destroy();
    await postgres.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  });
});

describe('a client newer than the server in a folder that was named', () => {
  it('is used, and the manifest says so', async () => {
    const stack = await TestStack.create();
    const { client } = await stack.startApi();
    const worker = await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'warns'),
    });
    const { id, status } = await stack.backUp(client, { compressionType: 'zstd' });
    expect(status).toBe('completed');
    const { database } = await client.get<Manifest>(`/backups/${id}/manifest`);
    expect(database.clientVersion).toBe('99.0');
    // Version 99 has none of the flaws that are known today.
    expect(worker.lines.filter((line) => line.includes('PostgreSQL client 99'))).toEqual([]);
    await stack.destroy();
  });
});

describe('a client below the minor release that mends known flaws', () => {
  it('is named in the log as the worker starts', async () => {
    const stack = await TestStack.create();
    await stack.startApi();
    const worker = await stack.startWorker({
      HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'warns', '15.13'),
    });
    const warnings = worker.lines.filter((line) => line.includes('PostgreSQL client 15.13'));
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toContain('"upgradeTo":"15.20"');
    await stack.destroy();
  });
});
