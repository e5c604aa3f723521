/** TARGET_DATABASE_URL and the registry: the entry follows the variable, and never Holdfast's own database. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { DatabaseView } from '@holdfast/contracts/databases';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('TARGET_DATABASE_URL', () => {
  let stack: TestStack;

  beforeAll(async () => {
    stack = await TestStack.create();
  });
  afterAll(async () => await stack.destroy());

  const withApi = async (
    target: string | null,
    look: (client: TestClient) => Promise<void>,
  ): Promise<void> => {
    const { client, process } = await stack.startApi(target === null ? {} : { TARGET_DATABASE_URL: target });
    await look(client);
    await process.stop();
  };
  const entries = async (client: TestClient): Promise<DatabaseView[]> =>
    (await client.get<{ items: DatabaseView[] }>('/databases?sortBy=createdAt')).items;
  const changes = async (): Promise<string[]> => {
    const rows = await stack.metadata.query<{ action: string }>(
      `SELECT action FROM audit_log WHERE subject_type = 'database' ORDER BY id`,
    );
    return rows.map((row) => row.action);
  };

  it('makes one entry, and a restart with the same changes nothing', async () => {
    await withApi(null, async (client) => expect(await entries(client)).toHaveLength(1));
    await withApi(null, async (client) =>
      expect(await entries(client)).toMatchObject([
        { id: 1, name: stack.target?.name, origin: 'environment' },
      ]),
    );
    expect(await changes()).toEqual(['database.create']);
  });

  it('with another password or role brings the same entry up to date', async () => {
    const url = new URL(stack.target?.url as string);
    url.searchParams.set('sslmode', 'allow');
    await withApi(url.href, async (client) =>
      expect(await entries(client)).toMatchObject([{ id: 1, sslMode: 'allow' }]),
    );
    expect(await changes()).toEqual(['database.create', 'database.update']);
  });

  it('taken away leaves an ordinary entry, which may be deleted; set again it makes a new one of the same name', async () => {
    await withApi('', async (client) => {
      expect(await entries(client)).toMatchObject([{ id: 1, origin: 'registered' }]);
      expect((await client.send('DELETE', '/databases/1')).status).toBe(204);
      expect(await client.send('POST', '/backups', { body: { displayName: 'x' } })).toMatchObject({
        status: 422,
        body: { code: 'INVALID_CONFIG' },
      });
    });
    await withApi(null, async (client) =>
      expect(await entries(client)).toMatchObject([
        { id: 2, name: stack.target?.name, origin: 'environment' },
      ]),
    );
  });

  it.each(['127.0.0.1', 'localhost'])(
    "naming Holdfast's own database by %s keeps the API from starting",
    async (host) => {
      const url = new URL(stack.metadata.url);
      url.hostname = host;
      await expect(stack.startApi({ TARGET_DATABASE_URL: url.href })).rejects.toThrow(
        /own metadata database/,
      );
    },
  );
});
