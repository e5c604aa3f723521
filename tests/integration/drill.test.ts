/** A drill tells the truth: equal is equal, and every kind of damage is found. */
import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('a drill', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => {
    backup = await stack.backUp(client, { compressionType: 'zstd' });
  });

  it('of an untouched backup compares everything and raises its proof', async () => {
    const drill = await stack.drill(client, backup.id);
    expect(drill).toMatchObject({
      status: 'completed',
      result: {
        isEqual: true,
        differences: [],
        tablesCompared: 17,
        sequencesCompared: 2,
        ownersRestored: true,
      },
    });
    expect(drill.result?.rowsCompared).toBeGreaterThan(10_000);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ proofLevel: 'restored' });
    expect(await stack.scratchDatabases()).toEqual([]);
  });

  it.each<[string, string, string]>([
    [
      'a row more',
      `jsonb_set(manifest, '{tables,0,rows}', to_jsonb((manifest->'tables'->0->>'rows')::int + 1))`,
      'rows',
    ],
    ['another digest', `jsonb_set(manifest, '{tables,1,digest}', '"0123456789abcdef"')`, 'digest'],
    [
      'a table more',
      `jsonb_set(manifest, '{tables,99}', '{"schema": "public", "name": "ghost", "rows": 1, "bytes": 2, "digest": "0"}')`,
      'table_missing',
    ],
    ['a table less', `manifest #- '{tables,0}'`, 'table_unexpected'],
    ['another sequence value', `jsonb_set(manifest, '{sequences,0,value}', '"1, false"')`, 'sequence'],
    ['a large object more', `jsonb_set(manifest, '{largeObjects,count}', '9')`, 'large_objects'],
    ['a constraint more', `jsonb_set(manifest, '{constraints,total}', '999')`, 'constraint'],
    ['an index more', `jsonb_set(manifest, '{objects,INDEX}', '999')`, 'object_missing'],
  ])(
    'of a backup whose manifest tells of %s finds the difference and raises nothing',
    async (_what, change, kind) => {
      await stack.metadata.query(`UPDATE admin_backups SET manifest = ${change} WHERE id = $1`, [backup.id]);
      const drill = await stack.drill(client, backup.id);
      expect(drill).toMatchObject({ status: 'completed', result: { isEqual: false } });
      expect(drill.result?.differences.map((difference) => difference.kind)).toEqual([kind]);
      expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ proofLevel: 'stored' });
    },
  );

  it.each<[string, (path: string) => Promise<void>, string]>([
    [
      'one bit flipped',
      async (path) => {
        const file = await open(path, 'r+');
        const byte = Buffer.alloc(1);
        await file.read(byte, 0, 1, 5_000);
        byte[0] = (byte[0] as number) ^ 1;
        await file.write(byte, 0, 1, 5_000);
        await file.close();
      },
      'FILE_CORRUPTION',
    ],
    ['its end cut off', (path) => truncate(path, 10_000), 'FILE_CORRUPTION'],
    ['nothing in it', (path) => truncate(path, 0), 'FILE_CORRUPTION'],
    ['other content', async (path) => writeFile(path, await readFile('/bin/ls')), 'FILE_CORRUPTION'],
    ['no file', (path) => rm(path), 'BACKUP_NOT_FOUND'],
  ])('of a backup with %s fails before anything is restored', async (_what, damage, code) => {
    await damage(stack.storedPath(backup));
    expect(await stack.drill(client, backup.id)).toMatchObject({
      status: 'failed',
      errorCode: code,
      result: null,
    });
    expect(await stack.scratchDatabases()).toEqual([]);
  });

  it('restores without owners where a role of the archive is gone, and says so', async () => {
    const target = stack.target as NonNullable<typeof stack.target>;
    await target.query('CREATE ROLE short_lived NOLOGIN');
    await target.query('ALTER TABLE never_used OWNER TO short_lived');
    const owned = await stack.backUp(client, { compressionType: 'zstd' });
    await target.query('ALTER TABLE never_used OWNER TO CURRENT_USER');
    await target.query('DROP ROLE short_lived');
    expect(await stack.drill(client, owned.id)).toMatchObject({
      status: 'completed',
      result: { isEqual: true, ownersRestored: false },
    });
  });

  it('of a backup that is not completed is refused', async () => {
    const [row] = await stack.metadata.query<{ id: number }>(
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status) VALUES ('x', 'x', 'x', 'x', 1, 'failed') RETURNING id`,
    );
    expect(await client.send('POST', `/backups/${row?.id}/drill`)).toMatchObject({
      status: 409,
      body: { code: 'IN_USE' },
    });
  });
});
