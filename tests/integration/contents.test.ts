/** What is in a backup, object by object, and whether its file is there. */
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupDetail, BackupView } from '@holdfast/contracts/backups';
import type { Contents, ContentsItem } from '@holdfast/contracts/contents';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('the contents of a backup', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;
  let manifest: Manifest;

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    await stack.startWorker();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    manifest = await client.get<Manifest>(`/backups/${backup.id}/manifest`);
  });
  afterAll(async () => await stack.destroy());

  const contents = (query = '', id = backup.id) => client.get<Contents>(`/backups/${id}/contents?${query}`);

  it('sum up what the manifest holds, and give the rows of a table with the table', async () => {
    const { summary, items } = await contents('kind=TABLE&sortBy=bytes&sortOrder=desc');
    expect(summary).toMatchObject({
      tables: manifest.tables.length,
      rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0),
      bytes: manifest.tables.reduce((sum, { bytes }) => sum + bytes, 0),
      largeObjects: { count: manifest.largeObjects.count },
      kinds: { TABLE: manifest.objects['TABLE'], INDEX: manifest.objects['INDEX'] },
    });
    const largest = [...manifest.tables].sort((a, b) => b.bytes - a.bytes)[0];
    expect(items[0]).toMatchObject({
      kind: 'TABLE',
      schema: largest?.schema,
      name: largest?.name,
      rows: largest?.rows,
      bytes: largest?.bytes,
      owner: expect.stringMatching(/./),
    });
    expect((await contents('kind=TABLE%20DATA')).items).toEqual([]);
  });

  it('page by number and by cursor to the same objects, each once', async () => {
    const byNumber: ContentsItem[] = [];
    const byCursor: ContentsItem[] = [];
    const { pagination } = await contents('limit=30');
    for (let page = 1; page <= pagination.totalPages; page += 1) {
      byNumber.push(...(await contents(`limit=30&page=${page}`)).items);
    }
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Contents = await contents(`limit=30${cursor === '' ? '' : `&cursor=${cursor}`}`);
      byCursor.push(...page.items);
      cursor = page.pagination.nextCursor;
    }
    expect(byCursor).toEqual(byNumber);
    expect(byNumber).toHaveLength(pagination.total);
    expect(await client.send('GET', `/backups/${backup.id}/contents?cursor=abc`)).toMatchObject({
      status: 400,
    });
  });

  it('are searched by kind, schema and part of a name', async () => {
    const { items, pagination } = await contents('kind=INDEX&kind=TABLE&search=POST&limit=100');
    expect(pagination.total).toBeGreaterThan(1);
    for (const { kind, name } of items) {
      expect(['INDEX', 'TABLE']).toContain(kind);
      expect(name.toLowerCase()).toContain('post');
    }
    expect((await contents('schema=nowhere')).pagination.total).toBe(0);
  });

  it('are read from the head of the file alone, and but once', async () => {
    const raw = await stack.backUp(client, { compressionType: 'none' });
    const file = stack.storedPath(raw);
    await truncate(file, Math.min(raw.fileSize - 1, 600_000));
    const first = await contents('', raw.id);
    await rm(file);
    expect(await contents('', raw.id)).toEqual(first);
  });

  it('are not shown where the file is another one, or gone', async () => {
    const other = await stack.backUp(client, { compressionType: 'gzip' });
    const file = stack.storedPath(other);
    await writeFile(file, Buffer.from('PGDMP but nothing like it'));
    expect(await client.send('GET', `/backups/${other.id}/contents`)).toMatchObject({
      body: { code: 'FILE_CORRUPTION' },
    });
    const schemaOnly = await stack.backUp(client, { compressionType: 'gzip', backupType: 'schema' });
    await writeFile(file, await readFile(stack.storedPath(schemaOnly)));
    expect(await client.send('GET', `/backups/${other.id}/contents`)).toMatchObject({
      body: { code: 'FILE_CORRUPTION', detail: expect.stringContaining('were stored') },
    });
    await rm(file);
    expect(await client.send('GET', `/backups/${other.id}/contents`)).toMatchObject({
      status: 404,
      body: { code: 'BACKUP_NOT_FOUND' },
    });
  });

  it('the details of a backup tell whether its file is there and as large as it was', async () => {
    const file = stack.storedPath(backup);
    const look = async () => (await client.get<BackupDetail>(`/backups/${backup.id}`)).file;
    expect(await look()).toMatchObject({
      exists: true,
      sizeBytes: backup.fileSize,
      matchesSize: true,
      errorCode: null,
    });
    expect(Date.parse((await look())?.lastModified ?? '')).toBeGreaterThan(Date.parse('2026-01-01'));
    await truncate(file, 5);
    expect(await look()).toMatchObject({ exists: true, sizeBytes: 5, matchesSize: false });
    await rm(file);
    expect(await look()).toMatchObject({
      exists: false,
      sizeBytes: null,
      lastModified: null,
      matchesSize: false,
    });
    await stack.metadata.query(`UPDATE admin_backups SET file_path = '../outside' WHERE id = $1`, [
      backup.id,
    ]);
    expect(await look()).toMatchObject({ exists: null, errorCode: 'INVALID_CONFIG' });
    const [row] = await stack.metadata.query<{ id: number }>(
      `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status) VALUES ('none', 'none', 'x', 'x', 1, 'failed') RETURNING id`,
    );
    expect((await client.get<BackupDetail>(`/backups/${row?.id}`)).file).toBeNull();
  });
});
