/** Every format comes back by swap and into a new database: schema and data as they were. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { CreateBackup } from '@holdfast/contracts/backups';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { queryOnce } from '@holdfast/testkit/databases';
import { insertRestore, type InsertRestore } from '@holdfast/testkit/insert-restore';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

interface Content {
  readonly schema: string;
  readonly data: Readonly<Record<string, string>>;
}

describe('a restore', () => {
  let stack: TestStack;
  let client: TestClient;
  let target: NonNullable<TestStack['target']>;
  let schema: string;

  const contentOf = async (url: string): Promise<Content> => ({
    schema: await schemaOf(url),
    data: await dataOf(url),
  });

  beforeAll(async () => {
    stack = await TestStack.create({ target: 'template0', settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    target = stack.target as typeof target;
    await target.query(
      `CREATE TYPE mood AS ENUM ('calm', 'wild');
       CREATE TABLE authors (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, mood mood);
       CREATE TABLE posts (id bigserial PRIMARY KEY, author_id int NOT NULL REFERENCES authors, body text NOT NULL, words int GENERATED ALWAYS AS (length(body)) STORED);
       CREATE INDEX posts_body ON posts USING gin (to_tsvector('simple', body));
       CREATE MATERIALIZED VIEW post_counts AS SELECT author_id, count(*) FROM posts GROUP BY 1;
       INSERT INTO authors (name, mood) SELECT 'author ' || n, 'calm' FROM generate_series(1, 20) n;
       INSERT INTO posts (author_id, body) SELECT n % 20 + 1, E'post\\t' || n FROM generate_series(1, 2000) n;
       REFRESH MATERIALIZED VIEW post_counts;
       SELECT lo_from_bytea(900001, 'kept outside of tables')`,
    );
    schema = await schemaOf(target.url);
  });
  afterAll(async () => await stack.destroy());
  /** @returns what was backed up */
  async function restore(
    input: Partial<CreateBackup>,
    options: Omit<InsertRestore, 'backup'>,
  ): Promise<Content> {
    const backedUp = await contentOf(target.url);
    const backup = await stack.backUp(client, input);
    await target.query("UPDATE posts SET body = body || ' ruined'; SELECT nextval('posts_id_seq')");
    const id = await insertRestore(stack, {
      ...options,
      backup,
      columns: { create_pre_backup: false, pre_backup_waiver_reason: 'a test' },
    });
    await stack.untilStatus('restore_operations', id, ['completed', 'failed', 'cancelled']);
    const [row] = await stack.metadata.query(
      'SELECT status, error_message AS message FROM restore_operations WHERE operation_id = $1',
      [id],
    );
    expect(row).toEqual({ status: 'completed', message: null });
    return backedUp;
  }

  const formats = [
    ['custom', { backupFormat: 'custom', compressionType: 'gzip' }],
    ['plain', { backupFormat: 'plain', compressionType: 'zstd' }],
    ['tar', { backupFormat: 'tar', compressionType: 'none' }],
    ['directory', { backupFormat: 'directory', compressionType: 'zstd', jobs: 2 }],
  ] as const satisfies readonly (readonly [string, Partial<CreateBackup>])[];

  it.each(formats)('of the format %s by swap', async (_format, input) => {
    const backedUp = await restore(input, { strategy: 'swap', targetDatabase: target.name });
    expect(await contentOf(target.url)).toEqual(backedUp);
  });

  it.each(formats)('of the format %s into a new database', async (format, input) => {
    const name = `${target.name}_${format}`;
    const backedUp = await restore(input, { strategy: 'new_database', targetDatabase: name });
    const url = target.url.replace(target.name, name);
    expect(await contentOf(url)).toEqual(backedUp);
    expect(await contentOf(target.url)).not.toEqual(backedUp);
    await target.query(`DROP DATABASE ${name} WITH (FORCE)`);
  });

  it.each(formats.filter(([format]) => format !== 'plain'))(
    'of the structure alone (%s) into a new database has it without a row',
    async (format, input) => {
      const name = `${target.name}_${format}_empty`;
      await restore(input, { strategy: 'new_database', targetDatabase: name, restoreType: 'schema_only' });
      const url = target.url.replace(target.name, name);
      expect(await schemaOf(url)).toBe(schema);
      expect(await queryOnce(url, 'SELECT count(*)::int AS rows FROM posts')).toEqual([{ rows: 0 }]);
      await target.query(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  );
});
