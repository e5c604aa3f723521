/** The stored file is an ordinary one: the plain tools restore it without Holdfast, equal to the original. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { CreateBackup } from '@holdfast/contracts/backups';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { readFile } from 'node:fs/promises';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { createTestDatabase, queryOnce } from '@holdfast/testkit/databases';
import { restorePlainly } from '@holdfast/testkit/restore-plainly';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(30_000);

describe('a stored backup', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());

  it.each<Pick<CreateBackup, 'compressionType' | 'compressionLevel'>>([
    { compressionType: 'zstd' },
    { compressionType: 'zstd', compressionLevel: 1 },
    { compressionType: 'gzip' },
    { compressionType: 'gzip', compressionLevel: 9 },
    { compressionType: 'none' },
  ])('of the demo forum with %j is restored by gunzip or zstd and pg_restore alone', async (compression) => {
    const backup = await stack.backUp(client, compression);
    expect(backup).toMatchObject({ status: 'completed', proofLevel: 'stored', errorCode: null });
    const copy = await createTestDatabase('template0');
    await restorePlainly({ backup, file: stack.storedPath(backup), into: copy.url });
    const original = stack.target?.url as string;
    expect(await schemaOf(copy.url)).toBe(await schemaOf(original));
    expect(await dataOf(copy.url)).toEqual(await dataOf(original));
    await copy.drop();
  });

  it('has the checksums that md5sum and sha256sum print, and a manifest beside it with the true counts', async () => {
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const path = stack.storedPath(backup);
    expect((await runCommand('md5sum', [path])).slice(0, 32)).toBe(backup.checksumMd5);
    expect((await runCommand('sha256sum', [path])).slice(0, 64)).toBe(backup.checksumSha256);
    const { manifest } = JSON.parse(await readFile(`${path}.manifest.json`, 'utf8')) as SignedManifest;
    expect(await client.get(`/backups/${backup.id}/manifest`)).toEqual(manifest);
    expect(manifest.tables.length).toBe(17);
    for (const { schema, name, rows } of manifest.tables) {
      const quoted = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
      const [counted] = await queryOnce<{ rows: string }>(
        stack.target?.url as string,
        `SELECT count(*) AS rows FROM ${quoted}`,
      );
      expect([name, rows]).toEqual([name, Number(counted?.rows)]);
    }
  });

  it('of the schema alone holds no rows and is drilled as such', async () => {
    const backup = await stack.backUp(client, { backupType: 'schema', compressionType: 'zstd' });
    const copy = await createTestDatabase('template0');
    await restorePlainly({ backup, file: stack.storedPath(backup), into: copy.url });
    expect(await schemaOf(copy.url)).toBe(await schemaOf(stack.target?.url as string));
    expect(Object.values(await dataOf(copy.url)).filter((digest) => /^([2-9]|1\d)/.test(digest))).toEqual([]);
    await copy.drop();
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'completed',
      result: { isEqual: true },
    });
  });

  it('of a selection holds the tables selected, and a drill proves it with the company it needs', async () => {
    const backup = await stack.backUp(client, {
      backupType: 'selective',
      includedTables: ['threads', 'posts', `Robert'); DROP TABLE students;--`],
      excludedTables: [],
    });
    expect(backup.status).toBe('completed');
    const manifest = await client.get<SignedManifest['manifest']>(`/backups/${backup.id}/manifest`);
    expect(manifest.tables.map((table) => table.name).sort()).toEqual([
      `Robert'); DROP TABLE students;--`,
      'posts',
      'threads',
    ]);
    const drill = await stack.drill(client, backup.id);
    expect(drill).toMatchObject({ status: 'completed', result: { isEqual: true, tablesCompared: 3 } });
    // Users and categories are not in it, so what refers to them can't hold.
    expect(drill.result?.skippedForeignKeys.length).toBe(3);
  });
});

describe.each([
  [
    'made by pgbench',
    async (url: string, binDir: string) =>
      runCommand(`${binDir}/pgbench`, ['--initialize', '--scale=2', '--quiet', url]),
  ],
  ['that is empty', async () => ''],
])('a database %s', (_what, fill) => {
  it('is backed up, restored plainly and drilled, equal each time', async () => {
    const source = await createTestDatabase('template0');
    await fill(source.url, (await findPrograms())?.postgresBinDir ?? '');
    const stack = await TestStack.create({ targetUrl: source.url });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    const copy = await createTestDatabase('template0');
    await restorePlainly({ backup, file: stack.storedPath(backup), into: copy.url });
    expect(await schemaOf(copy.url)).toBe(await schemaOf(source.url));
    expect(await dataOf(copy.url)).toEqual(await dataOf(source.url));
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'completed',
      result: { isEqual: true, differences: [] },
    });
    await stack.destroy();
    await copy.drop();
    await source.drop();
  });
});
