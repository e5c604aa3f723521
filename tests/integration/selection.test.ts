/** Selections: checked against the live catalogue before anything runs, literal names, partitions, rows left out; and drills of them. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupEstimate } from '@holdfast/contracts/backup-estimates';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { Manifest } from '@holdfast/contracts/manifest';
import type { ProblemAnswer, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

const oddSchema = 'Ünïcode "quoted" schema';
const oddTable = '-starts with a dash';

describe('a selection', () => {
  let stack: TestStack;
  let client: TestClient;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.target?.query(`CREATE TABLE "p*" (id integer); INSERT INTO "p*" VALUES (1), (2)`);
    await stack.target?.query(
      `CREATE TABLE "dotted.name" (id integer); INSERT INTO "dotted.name" VALUES (1)`,
    );
  });
  afterAll(async () => await stack.destroy());

  const selective = (input: Partial<CreateBackup>): Partial<CreateBackup> => ({
    backupType: 'selective',
    compressionType: 'zstd',
    ...input,
  });
  const backUp = async (input: Partial<CreateBackup>): Promise<[BackupView, Manifest, string[]]> => {
    const backup = await stack.backUp(client, input);
    expect(backup.errorMessage).toBeNull();
    const manifest = await client.get<Manifest>(`/backups/${backup.id}/manifest`);
    return [backup, manifest, manifest.tables.map((table) => table.name).sort()];
  };

  it.each<[string, Partial<CreateBackup>, string, string]>([
    ['a table', { includedTables: ['threads', 'post'] }, '/includedTables/1', 'the nearest: "public.posts"'],
    ['a schema', { includedSchemas: ['form'] }, '/includedSchemas/0', 'the nearest: "forum"'],
    ['a table to leave out', { excludedTables: ['never_use'] }, '/excludedTables/0', '"public.never_used"'],
    ['rows to leave out', { excludedTableData: ['Posts '] }, '/excludedTableData/0', '"public.posts"'],
    [
      'a pattern',
      { includedTables: ['post*x'], selectionPatterns: true },
      '/includedTables/0',
      'no table matches',
    ],
    [
      'a literal with a wildcard',
      { includedTables: ['post*'] },
      '/includedTables/0',
      'there is no table "post*"',
    ],
  ])(
    'that names %s that does not exist is refused at once, with the nearest, and nothing is made',
    async (_what, input, path, words) => {
      const before = await stack.metadata.query('SELECT count(*) FROM admin_backups');
      const answer = await client.send<ProblemAnswer>('POST', '/backups', {
        body: { displayName: 'x', ...selective(input) },
      });
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
      expect(answer.body.errors?.map((error) => error.path)).toEqual([path]);
      expect(answer.body.errors?.[0]?.message).toContain(words);
      expect(answer.body.remediation).toContain('selectionPatterns');
      expect(await stack.metadata.query('SELECT count(*) FROM admin_backups')).toEqual(before);
    },
  );

  it('that asks for the rows of a schema backup, or passwords without roles, is refused', async () => {
    for (const [input, path] of [
      [{ backupType: 'schema', excludedTableData: ['posts'] }, '/excludedTableData'],
      [{ includeRolePasswords: true }, '/includeRolePasswords'],
    ] as const) {
      const answer = await client.send<ProblemAnswer>('POST', '/backups', {
        body: { displayName: 'x', ...input },
      });
      expect([answer.status, answer.body.errors?.map((error) => error.path)]).toEqual([400, [path]]);
    }
  });

  it('is estimated before it is made: from a model first, with its basis, its tables and what it leaves behind', async () => {
    const estimate = await client.post<BackupEstimate>('/backups/estimate', {
      displayName: 'x',
      ...selective({
        includedTables: ['posts', 'audit_events_2026_01', 'threads'],
        excludedTableData: ['threads'],
      }),
    });
    expect(estimate).toMatchObject({ databaseId: 1, tableCount: 3, durationSeconds: { value: 1 } });
    expect(estimate.rawBytes.basis).toContain('model: ');
    expect(estimate.tables.map(({ name, isWithoutRows }) => [name, isWithoutRows])).toEqual(
      expect.arrayContaining([
        ['posts', false],
        ['audit_events_2026_01', false],
        ['threads', true],
      ]),
    );
    expect(estimate.warnings).toEqual([
      expect.stringContaining('posts_author_id_fkey'),
      expect.stringContaining('posts_thread_id_fkey'),
      expect.stringContaining('public.audit_events_2026_01 comes without its parent'),
    ]);
    const refused = await client.send<ProblemAnswer>('POST', '/backups/estimate', {
      body: { displayName: 'x', ...selective({ includedTables: ['post'] }) },
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });

  describe('that is accepted', () => {
    beforeAll(async () => {
      const lost = await client
        .createBackup(selective({ includedTables: ['short_lived'] }))
        .catch(() => null);
      expect(lost).toBeNull();
      await stack.target?.query('CREATE TABLE short_lived (id integer)');
      const accepted = await client.createBackup(selective({ includedTables: ['short_lived'] }));
      await stack.target?.query('DROP TABLE short_lived');
      await stack.startWorker();
      const backup = await stack.untilEnded(client, accepted);
      // Gone since: the worker looks again, in the snapshot of the dump.
      expect(backup).toMatchObject({ status: 'failed', errorCode: 'INVALID_CONFIG', retryCount: 0 });
      expect(backup.errorMessage).toContain('short_lived');
      expect(await stack.storedFiles()).toEqual([]);
    });

    it.each<[string, Partial<CreateBackup>, string[]]>([
      [
        'names with quotes, spaces, dashes, dots, Unicode and wildcards',
        {
          includedTables: [
            `Robert'); DROP TABLE students;--`,
            `${oddSchema}.${oddTable}`,
            'p*',
            'dotted.name',
            'no_columns',
          ],
        },
        [oddTable, `Robert'); DROP TABLE students;--`, 'dotted.name', 'no_columns', 'p*'],
      ],
      ['a schema', { includedSchemas: [oddSchema] }, [oddTable]],
      [
        'a pattern',
        { includedTables: ['audit_events_2026_*', 'public.reaction?'], selectionPatterns: true },
        ['audit_events_2026_01', 'audit_events_2026_02', 'audit_events_2026_03', 'reactions'],
      ],
      [
        'a partitioned table',
        { includedTables: ['audit_events'] },
        ['audit_events_2026_01', 'audit_events_2026_02', 'audit_events_2026_03', 'audit_events_other'],
      ],
      ['a partition alone', { includedTables: ['audit_events_2026_02'] }, ['audit_events_2026_02']],
      [
        'all of a partitioned table but one partition',
        { includedTables: ['audit_events'], excludedTables: ['audit_events_other'] },
        ['audit_events_2026_01', 'audit_events_2026_02', 'audit_events_2026_03'],
      ],
    ])('%s: those tables are in it and no other, and a drill proves it', async (_what, input, expected) => {
      const [backup, manifest, tables] = await backUp(selective(input));
      expect(tables).toEqual([...expected].sort());
      expect(manifest.selection?.tables?.map((table) => table.name)).toEqual(
        expect.arrayContaining(expected),
      );
      expect(await stack.drill(client, backup.id)).toMatchObject({
        status: 'completed',
        result: { isEqual: true, differences: [], tablesCompared: expected.length },
      });
    });

    it('as everything but some tables leaves those out, partitions too', async () => {
      const [, manifest, tables] = await backUp(
        selective({ excludedTables: ['audit_events', 'private_messages'] }),
      );
      expect(tables.filter((name) => /audit|private/.test(name))).toEqual([]);
      expect(tables).toContain('posts');
      expect(manifest.selection?.tables?.map((table) => table.name)).not.toContain('audit_events_other');
    });

    it('of rows left out of a full backup keeps the tables, says so, and is drilled as such', async () => {
      const [backup, manifest, tables] = await backUp({
        compressionType: 'zstd',
        excludedTableData: ['posts', 'audit_events'],
      });
      expect(backup).toMatchObject({ backupType: 'full', excludedTableData: ['posts', 'audit_events'] });
      expect(tables.filter((name) => /^(posts|audit_)/.test(name))).toEqual([]);
      expect(manifest.selection).toMatchObject({ tables: null });
      expect(manifest.selection?.withoutRows.map((table) => table.name)).toEqual([
        'posts',
        'audit_events',
        'audit_events_2026_01',
        'audit_events_2026_02',
        'audit_events_2026_03',
        'audit_events_other',
      ]);
      const drill = await stack.drill(client, backup.id);
      expect(drill).toMatchObject({ status: 'completed', result: { isEqual: true, differences: [] } });
      // They refer to posts, whose rows are not there; what posts refers to is.
      expect(drill.result?.skippedForeignKeys.sort()).toEqual([
        'public.attachments attachments_post_id_fkey',
        'public.reactions reactions_post_id_fkey',
      ]);
    });
  });

  it('is estimated from the backups that there are by now, near to what it then comes to', async () => {
    const input = { compressionType: 'zstd' } as const;
    await stack.backUp(client, input);
    const estimate = await client.post<BackupEstimate>('/backups/estimate', { displayName: 'x', ...input });
    expect(estimate.rawBytes.basis).toMatch(/^from \d+ earlier backups of this database$/);
    expect(estimate.storedBytes.basis).toMatch(/^from \d+ earlier backups of this database$/);
    const backup = await stack.backUp(client, input);
    expect(estimate.rawBytes.value / (backup.uncompressedSize as number)).toBeGreaterThan(0.5);
    expect(estimate.rawBytes.value / (backup.uncompressedSize as number)).toBeLessThan(1.5);
  });

  it('is accepted all the same while the database does not answer', async () => {
    const url = new URL(stack.target?.url as string);
    url.port = '1';
    const unreachable = await TestStack.create({ targetUrl: url.href });
    const { client: other } = await unreachable.startApi();
    expect(await other.createBackup(selective({ includedTables: ['nobody knows'] }))).toBe(1);
    await unreachable.destroy();
  });
});
