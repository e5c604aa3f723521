/** The swap against a real server: wholly done or wholly not, and the live database open again whatever happens. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, queryOnce, type TestDatabase } from '@holdfast/testkit/databases';
import { until } from '@holdfast/testkit/until';
import { Client } from 'pg';
import { parseDatabaseUrl } from './database-address.ts';
import {
  applyDatabaseProperties,
  createLikeStatement,
  readDatabaseProperties,
} from './database-properties.ts';
import { withDatabase } from './database-session.ts';
import { readSwapBlockers } from './swap-blockers.ts';
import {
  maintenanceAddress,
  readSwapState,
  reopenClosed,
  type SwapOptions,
  swapDatabases,
} from './swap-databases.ts';

jest.setTimeout(120_000);

const connect = { applicationName: 'swap-test', connectTimeoutMs: 10_000 };

describe('a swap of databases', () => {
  let live: TestDatabase;
  let shadow: TestDatabase;
  let options: SwapOptions;
  let postgresUrl: string;

  beforeEach(async () => {
    live = await createTestDatabase('template0');
    shadow = await createTestDatabase('template0');
    await live.query(`CREATE TABLE which AS SELECT 'old' AS name`);
    await shadow.query(`CREATE TABLE which AS SELECT 'new' AS name`);
    await live.query(`COMMENT ON DATABASE ${live.name} IS 'The forum'`);
    const address = parseDatabaseUrl(live.url);
    const operationId = randomUUID();
    const url = new URL(live.url);
    url.pathname = '/postgres';
    postgresUrl = url.href;
    options = {
      address: await maintenanceAddress(address, connect, [live.name]),
      connect,
      operationId,
      live: live.name,
      incoming: shadow.name,
      aside: `holdfast_kept_${operationId.replaceAll('-', '')}`,
      asideMarker: 'kept',
      comment: 'The forum',
      timeLimitMs: 3_000,
      reached: async () => undefined,
      signal: new AbortController().signal,
    };
  });
  afterEach(async () => {
    for (const name of [options.aside, shadow.name]) {
      await queryOnce(postgresUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    }
    await queryOnce(postgresUrl, `ALTER DATABASE ${live.name} ALLOW_CONNECTIONS true`);
    await live.drop();
    await shadow.drop().catch(() => undefined);
  });

  const inMaintenance = async <T>(work: Parameters<typeof withDatabase<T>>[2]): Promise<T> =>
    await withDatabase(options.address, connect, work);
  const state = async () => await inMaintenance((session) => readSwapState(session, options));
  const name = async () => (await queryOnce<{ name: string }>(live.url, 'SELECT name FROM which'))[0]?.name;
  const catalogue = async (database: string) =>
    (
      await queryOnce<{ open: boolean; comment: string | null }>(
        postgresUrl,
        `SELECT datallowconn AS open, shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
        [database],
      )
    )[0];

  it('gives the live name to the other, keeps the original closed, and says so in the comments', async () => {
    const reader = new Client({ connectionString: live.url });
    reader.on('error', () => undefined);
    await reader.connect();
    expect(await state()).toBe('not_swapped');
    const outcome = await swapDatabases(options);
    expect(outcome.sessionsEnded).toBeGreaterThan(0);
    expect(await name()).toBe('new');
    expect(await state()).toBe('swapped');
    expect(await catalogue(live.name)).toEqual({
      open: true,
      comment: `The forum\n[Holdfast: restored by ${options.operationId}]`,
    });
    expect(await catalogue(options.aside)).toEqual({
      open: false,
      comment: `The forum\n[Holdfast: kept by ${options.operationId}]`,
    });
    await reader.end().catch(() => undefined);
  });

  it('is undone by another that brings the original back', async () => {
    await swapDatabases(options);
    const undo: SwapOptions = {
      ...options,
      operationId: randomUUID(),
      incoming: options.aside,
      aside: shadow.name,
      asideMarker: 'undone',
    };
    await swapDatabases(undo);
    expect(await name()).toBe('old');
    expect(await inMaintenance((session) => readSwapState(session, undo))).toBe('swapped');
    expect((await catalogue(shadow.name))?.open).toBe(false);
    expect(await state()).toBe('not_swapped');
  });

  it('succeeds while clients come back at once, and loses none of them for good', async () => {
    const stop = new AbortController();
    const seen = new Set<string>();
    const clients = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) {
        const found = await name().catch(() => undefined);
        if (found !== undefined) {
          seen.add(found);
        }
      }
    });
    await until(async () => seen.has('old'));
    await swapDatabases(options);
    await until(async () => seen.has('new'));
    stop.abort();
    await Promise.all(clients);
    expect(await name()).toBe('new');
  });

  it('is refused by a prepared transaction before anybody is disturbed', async () => {
    const client = new Client({ connectionString: live.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('CREATE TABLE pending (id int)');
    await client.query(`PREPARE TRANSACTION 'in the way ${live.name}'`);
    try {
      await expect(swapDatabases(options)).rejects.toMatchObject({ code: 'LOCKED', transient: false });
      // Nobody was thrown out for it.
      expect((await client.query('SELECT name FROM which')).rows).toEqual([{ name: 'old' }]);
      expect(await withDatabase(parseDatabaseUrl(live.url), connect, readSwapBlockers)).toEqual([
        { kind: 'prepared_transaction', name: `in the way ${live.name}` },
      ]);
    } finally {
      await client.query(`ROLLBACK PREPARED 'in the way ${live.name}'`);
      await client.end();
    }
  });

  it('is blocked by what ties the outside to the database: publications, subscriptions', async () => {
    await live.query('CREATE PUBLICATION news FOR ALL TABLES');
    await live.query(
      `CREATE SUBSCRIPTION feed CONNECTION 'dbname=nowhere' PUBLICATION x WITH (connect = false, slot_name = NONE)`,
    );
    expect(await withDatabase(parseDatabaseUrl(live.url), connect, readSwapBlockers)).toEqual([
      { kind: 'publication', name: 'news' },
      { kind: 'subscription', name: 'feed' },
    ]);
    await live.query('DROP SUBSCRIPTION feed');
  });

  it('gives up on a session that will not end, names it, and opens the database again', async () => {
    const frozen = new Client({ connectionString: live.url, application_name: 'will not end' });
    frozen.on('error', () => undefined);
    await frozen.connect();
    const [row] = (await frozen.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    process.kill((row as { pid: number }).pid, 'SIGSTOP');
    try {
      await expect(swapDatabases({ ...options, timeLimitMs: 300 })).rejects.toMatchObject({
        code: 'LOCKED',
        message: expect.stringContaining('will not end'),
      });
    } finally {
      process.kill((row as { pid: number }).pid, 'SIGCONT');
    }
    expect(await catalogue(live.name)).toEqual({ open: true, comment: 'The forum' });
    expect(await name()).toBe('old');
    expect(await state()).toBe('not_swapped');
    await frozen.end().catch(() => undefined);
  });

  it('that is cancelled once the database is closed changes nothing and opens it again', async () => {
    const controller = new AbortController();
    const reached = async (): Promise<void> => controller.abort(new Error('cancelled'));
    await expect(swapDatabases({ ...options, reached, signal: controller.signal })).rejects.toThrow(
      'cancelled',
    );
    expect(await catalogue(live.name)).toEqual({ open: true, comment: 'The forum' });
    expect(await name()).toBe('old');
  });

  it('whose process dies with the database closed is known by the comment, and opened by whoever comes after', async () => {
    // As a process that is killed: it never comes to its end.
    const died = new AbortController();
    let isClosed = false;
    const hanging = swapDatabases({
      ...options,
      signal: died.signal,
      reached: async () => {
        isClosed = true;
        await delay(600_000, undefined, { signal: died.signal, ref: false });
      },
    });
    hanging.catch(() => undefined);
    await until(async () => isClosed);
    expect((await catalogue(live.name))?.open).toBe(false);
    expect(await state()).toBe('not_swapped');
    expect(await inMaintenance((session) => reopenClosed(session, options.operationId))).toEqual([live.name]);
    expect(await catalogue(live.name)).toEqual({ open: true, comment: 'The forum' });
    expect(await inMaintenance((session) => reopenClosed(session, options.operationId))).toEqual([]);
    died.abort();
    await expect(hanging).rejects.toThrow();
    expect(await name()).toBe('old');
  });
});

describe('the properties of a database', () => {
  it('are given to another: locale, owner, grants, settings of all and of one role, limit', async () => {
    const source = await createTestDatabase('template0');
    const role = `owner_${source.name}`;
    const copy = `copy_${source.name}`;
    await source.query(`CREATE ROLE ${role} NOLOGIN`);
    for (const statement of [
      `OWNER TO ${role}`,
      'CONNECTION LIMIT 17',
      `SET search_path TO "$user", "Odd, ""path""", public`,
      `SET statement_timeout TO '7s'`,
      `SET "my.setting" TO 'it''s a \\ value'`,
      `SET DateStyle TO 'ISO, DMY'`,
    ]) {
      await source.query(`ALTER DATABASE ${source.name} ${statement}`);
    }
    await source.query(`ALTER ROLE ${role} IN DATABASE ${source.name} SET work_mem TO '8MB'`);
    await source.query(`REVOKE CONNECT ON DATABASE ${source.name} FROM PUBLIC`);
    await source.query(`GRANT CONNECT ON DATABASE ${source.name} TO pg_monitor WITH GRANT OPTION`);
    const address = parseDatabaseUrl(source.url);
    try {
      await withDatabase(address, connect, async (session) => {
        const properties = await readDatabaseProperties(session, source.name);
        expect(properties).toMatchObject({ owner: role, connectionLimit: 17 });
        expect(properties.settings).toHaveLength(5);
        await session.query(createLikeStatement(copy, properties));
        await applyDatabaseProperties(session, copy, properties);
        expect(await readDatabaseProperties(session, copy)).toEqual(properties);
      });
    } finally {
      await source.query(`DROP DATABASE IF EXISTS ${copy}`);
      await source.drop();
      const url = new URL(source.url);
      url.pathname = '/postgres';
      await queryOnce(url.href, `DROP ROLE IF EXISTS ${role}`);
    }
  });
});
