/** A dump that holds a lock which somebody waits for: it gives way, warns or holds on, as the setting says. And tables that vanish. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { OperationProgress } from '@holdfast/contracts/operations';
import { queryOnce } from '@holdfast/testkit/databases';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(120_000);

const statement = `ALTER TABLE posts ADD COLUMN added_behind_a_dump integer`;

describe('ALTER TABLE behind a dump that stands in the middle', () => {
  let stack: TestStack;
  let client: TestClient;
  let worker: TestProcess;
  let dir: string;

  afterEach(async () => await stack.destroy());

  /** A backup that holds its locks, and an ALTER TABLE that waits for them; resolves when the server says so. */
  async function meet(settings: Record<string, number | string>): Promise<[number, Promise<unknown>]> {
    stack = await TestStack.create({ settings });
    ({ client } = await stack.startApi());
    dir = await fakeClientDir(stack.folder, 'pausesOnce');
    worker = await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    await until(
      async () => (await client.get<OperationProgress>(`/backups/${backupId}/progress`)).bytesDone > 0,
    );
    const altered = queryOnce(stack.target?.url as string, statement);
    await until(async () => (await waiting()) > 0);
    return [backupId, altered];
  }

  async function waiting(): Promise<number> {
    const rows = await (stack.target as NonNullable<typeof stack.target>).query(
      `SELECT 1 FROM pg_stat_activity WHERE query = $1 AND wait_event_type = 'Lock'`,
      [statement],
    );
    return rows.length;
  }

  const letGo = () => writeFile(path.join(dir, 'go'), '');

  it('goes through after the grace; the backup is retried and completes, the new column in it', async () => {
    const [backupId, altered] = await meet({ blocking_policy: 'yield', blocking_grace: 1 });
    await altered;
    const backup = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'completed', attempt: 2, retryCount: 1, errorCode: null });
    expect(worker.lines.some((line) => /"code":"LOCKED".*attempt failed/.test(line))).toBe(true);
    expect(await stack.storedFiles()).toEqual([backup.filePath, `${backup.filePath}.manifest.json`]);
    expect(await stack.drill(client, backupId)).toMatchObject({ result: { isEqual: true } });
  });

  it('makes the backup fail with LOCKED, naming who waited, where no retry is left', async () => {
    const [backupId, altered] = await meet({ blocking_policy: 'yield', blocking_grace: 1, max_retries: 0 });
    await altered;
    const backup: BackupView = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'failed', errorCode: 'LOCKED' });
    expect(backup.errorMessage).toMatch(/waits for AccessExclusiveLock on posts/);
    expect(backup.errorRemediation).toContain('blocking_policy');
    expect(await stack.storedFiles()).toEqual([]);
    expect(await stack.operationSessions()).toEqual([]);
  });

  it('waits until the dump is done where the policy is to warn, and the backup says whom it held up', async () => {
    const [backupId, altered] = await meet({ blocking_policy: 'warn', blocking_grace: 0 });
    await worker.find((line) => line.msg === 'somebody waits for a lock that the operation holds');
    expect(await waiting()).toBe(1);
    await letGo();
    await altered;
    expect(await stack.untilEnded(client, backupId)).toMatchObject({
      status: 'completed',
      attempt: 1,
      metadata: { warnings: [expect.stringContaining('Made somebody wait')] },
    });
  });

  it('waits without a word where the policy is to hold', async () => {
    const [backupId, altered] = await meet({ blocking_policy: 'hold', blocking_grace: 0 });
    // Two looks of the watcher, each a query of a session of its own.
    const lastLook = async (): Promise<string> => {
      const [row] = await queryOnce<{ at: string }>(
        stack.target?.url as string,
        `SELECT query_start::text AS at FROM pg_stat_activity WHERE application_name LIKE 'holdfast-%/backup/%~' AND datname = current_database()`,
      );
      return row?.at ?? '';
    };
    for (let looks = 0, seen = await lastLook(); looks < 2; looks += 1) {
      const before = seen;
      seen = await until(async () => {
        const now = await lastLook();
        return now !== before && now;
      });
    }
    expect(await waiting()).toBe(1);
    await letGo();
    await altered;
    const backup = await stack.untilEnded(client, backupId);
    expect(backup).toMatchObject({ status: 'completed', attempt: 1 });
    expect(backup.metadata).not.toHaveProperty('warnings');
  });
});

/** Does it again and again until the answer is called. */
function repeat(work: (number: number) => Promise<unknown> | undefined): () => Promise<void> {
  let isOver = false;
  const done = (async () => {
    for (let number = 0; !isOver; number += 1) {
      await work(number);
    }
  })();
  return async () => {
    isOver = true;
    await done;
  };
}

describe('tables that are made and dropped all the time', () => {
  it('never make a backup that says it is good and is not', async () => {
    const stack = await TestStack.create({ settings: { max_retries: 20 } });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const stopChurn = repeat((number) =>
      stack.target?.query(
        `CREATE TABLE churn_${number % 5} AS SELECT generate_series(1, 100) AS id; DROP TABLE churn_${number % 5}`,
      ),
    );
    for (let round = 0; round < 4; round += 1) {
      const backup = await stack.backUp(client, { compressionType: 'zstd' });
      expect([backup.status, backup.errorMessage]).toEqual(['completed', null]);
      expect(await stack.drill(client, backup.id)).toMatchObject({ result: { isEqual: true } });
    }
    await stopChurn();
    await stack.destroy();
  });

  it.each([
    ['made anew', 'DROP TABLE kept; CREATE TABLE kept AS SELECT generate_series(1, 500) AS id;'],
    ['truncated and filled', 'TRUNCATE kept; INSERT INTO kept SELECT generate_series(1, 500);'],
  ])('are dumped again where one was %s between the snapshot and its lock', async (_what, replace) => {
    const stack = await TestStack.create({ target: 'template0', settings: { max_retries: 20 } });
    const url = stack.target?.url as string;
    const { client } = await stack.startApi();
    await queryOnce(url, 'CREATE TABLE kept AS SELECT generate_series(1, 500) AS id');
    const backupId = await client.createBackup({ compressionType: 'zstd' });
    // Holds the table until the worker, which has its snapshot by then, waits for it.
    const replaced = queryOnce(
      url,
      `DO $$ BEGIN ${replace} LOOP
         EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted); PERFORM pg_sleep(0.05);
       END LOOP; END $$`,
    );
    const worker = await stack.startWorker();
    await replaced;
    expect(await stack.untilEnded(client, backupId)).toMatchObject({ status: 'completed', attempt: 2 });
    expect(worker.lines.some((line) => /kept.* is in it without a row/.test(line))).toBe(true);
    const { tables } = await client.get<{ tables: { rows: number }[] }>(`/backups/${backupId}/manifest`);
    expect(tables).toMatchObject([{ rows: 500 }]);
    await stack.destroy();
  });

  it('among them one that is asked for: refused by its name, or dumped whole', async () => {
    const stack = await TestStack.create({ settings: { max_retries: 20 } });
    const { client } = await stack.startApi();
    await stack.startWorker();
    const make = `CREATE TABLE churn AS SELECT generate_series(1, 500) AS id`;
    await stack.target?.query(make);
    const stopChurn = repeat(() =>
      stack.target?.query('DROP TABLE churn').then(() => stack.target?.query(make)),
    );
    for (let round = 0; round < 6; round += 1) {
      const answer = await client.send<{ backupId: number; code: string }>('POST', '/backups', {
        body: { displayName: 'x', backupType: 'selective', includedTables: ['churn'] },
      });
      if (answer.status === 400) {
        expect(answer.body.code).toBe('VALIDATION_FAILED');
        continue;
      }
      const backup = await stack.untilEnded(client, answer.body.backupId);
      if (backup.status === 'completed') {
        const { tables } = await client.get<{ tables: { rows: number }[] }>(`/backups/${backup.id}/manifest`);
        expect(tables).toMatchObject([{ rows: 500 }]);
      } else {
        expect(backup).toMatchObject({ status: 'failed', errorCode: 'INVALID_CONFIG' });
      }
    }
    await stopChurn();
    await stack.destroy();
  });
});
