/** Every format in every compression: drilled, equal to the manifest; manifests alike whatever the format. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  backupFormats,
  type BackupFormat,
  type BackupView,
  type CompressionType,
  compressionTypes,
  type CreateBackup,
} from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(90_000);

const suffixes: Readonly<Record<BackupFormat, string>> = {
  custom: '.dump',
  plain: '.sql',
  tar: '.tar',
  directory: '.tar',
};
const compressionSuffixes: Readonly<Record<CompressionType, string>> = {
  gzip: '.gz',
  zstd: '.zst',
  none: '',
};

describe('a backup', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());

  const manifestOf = async (backup: BackupView): Promise<Manifest> =>
    await client.get<Manifest>(`/backups/${backup.id}/manifest`);
  const scratchFolders = async (): Promise<string[]> =>
    await readdir(path.join(stack.folder, 'scratch')).catch(() => []);

  describe.each(backupFormats)('in the format %s', (backupFormat) => {
    const jobs = backupFormat === 'directory' ? { jobs: 2 } : {};

    it.each(compressionTypes)(
      'with compression %s is named after it, and drilled, equal to the manifest',
      async (compressionType) => {
        const backup = await stack.backUp(client, { backupFormat, compressionType, ...jobs });
        expect(backup).toMatchObject({
          status: 'completed',
          proofLevel: 'stored',
          errorCode: null,
          jobs: jobs.jobs ?? 1,
        });
        const suffix = `${suffixes[backupFormat]}${compressionSuffixes[compressionType]}`;
        expect(backup.filePath).toMatch(new RegExp(`^manual/[^/.]+${suffix.replaceAll('.', '\\.')}$`));
        expect(await stack.drill(client, backup.id)).toMatchObject({
          status: 'completed',
          errorMessage: null,
          result: { isEqual: true, differences: [], tablesCompared: 17, ownersRestored: true },
        });
        expect(await stack.scratchDatabases()).toEqual([]);
        expect(await scratchFolders()).toEqual([]);
      },
    );

    it('has the manifest that the format custom has of the same database', async () => {
      const [custom, other] = [
        await manifestOf(await stack.backUp(client, { compressionType: 'zstd' })),
        await manifestOf(await stack.backUp(client, { compressionType: 'zstd', backupFormat, ...jobs })),
      ];
      const byName = <Named extends { schema: string; name: string }>(items: readonly Named[]): Named[] =>
        [...items].sort((a, b) => (`${a.schema}.${a.name}` < `${b.schema}.${b.name}` ? -1 : 1));
      const essence = ({
        tables,
        sequences,
        largeObjects,
        constraints,
        objects,
        database,
      }: Manifest): unknown => ({
        tables: byName(tables),
        sequences: byName(sequences),
        largeObjects,
        constraints,
        objects,
        roles: database.roles,
      });
      expect(essence(other)).toEqual(essence(custom));
      expect(other.backup.backupFormat).toBe(backupFormat);
    });

    it('of the schema alone is drilled as such', async () => {
      const backup = await stack.backUp(client, { backupType: 'schema', backupFormat, ...jobs });
      expect(await stack.drill(client, backup.id)).toMatchObject({
        status: 'completed',
        result: { isEqual: true },
      });
    });

    it('of a selection is drilled with the company it needs', async () => {
      const backup = await stack.backUp(client, {
        backupType: 'selective',
        backupFormat,
        includedTables: ['threads', 'posts', `Robert'); DROP TABLE students;--`],
        ...jobs,
      });
      const drill = await stack.drill(client, backup.id);
      expect(drill).toMatchObject({ errorMessage: null, result: { isEqual: true, tablesCompared: 3 } });
      expect(drill.result?.skippedForeignKeys.length).toBe(3);
    });
  });

  it('in the format plain leaves owners and grants out of a drill where a role is gone', async () => {
    const target = stack.target as NonNullable<typeof stack.target>;
    await target.query('CREATE ROLE "short lived" NOLOGIN');
    await target.query('ALTER TABLE never_used OWNER TO "short lived"');
    await target.query('GRANT SELECT ON posts TO "short lived"');
    const backup = await stack.backUp(client, { backupFormat: 'plain', compressionType: 'zstd' });
    await target.query('ALTER TABLE never_used OWNER TO CURRENT_USER');
    await target.query('REVOKE ALL ON posts FROM "short lived"');
    await target.query('DROP ROLE "short lived"');
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'completed',
      result: { isEqual: true, ownersRestored: false },
    });
  });

  it.each<Partial<CreateBackup>>([
    { jobs: 2 },
    { backupFormat: 'plain', jobs: 1 },
    { backupFormat: 'tar', jobs: 64 },
  ])('with jobs in a format that has none is refused: %j', async (input) => {
    expect(await client.send('POST', '/backups', { body: { displayName: 'x', ...input } })).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: '/jobs' }] },
    });
  });
});
