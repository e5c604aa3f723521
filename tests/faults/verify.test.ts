/** Verifications under attack: their worker dies, they are cancelled while they read, their program stalls or fails. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { VerificationView } from '@holdfast/contracts/verifications';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import { commandLinesWith } from '@holdfast/testkit/processes-of';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

describe('a verification', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;

  beforeEach(async () => {
    stack = await TestStack.create({ settings: { stall_timeout: 3, max_retries: 1 } });
    ({ client } = await stack.startApi());
    const worker = await stack.startWorker();
    backup = await stack.backUp(client, { compressionType: 'zstd' });
    await worker.stop();
  });
  afterEach(async () => await stack.destroy());

  const request = async (): Promise<string> =>
    (await client.post<{ operationId: string }>(`/backups/${backup.id}/verify`)).operationId;
  const untilEnded = async (id: string): Promise<VerificationView> => {
    await stack.untilStatus('verifications', id, ['completed', 'failed', 'cancelled']);
    return await client.get<VerificationView>(`/verifications/${id}`);
  };
  /** A worker whose pg_restore is this script. */
  const startWorkerWith = async (script: string): Promise<string> => {
    const dir = await fakeClientDir(stack.folder, 'warns');
    await writeFile(path.join(dir, 'pg_restore'), `#!/bin/bash\n${script}\n`);
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    return dir;
  };

  it('whose worker is killed is done by another', async () => {
    const first = await stack.startWorker({ TEST_PAUSE_AT: 'verification-reading' });
    const id = await request();
    await first.reached('verification-reading');
    await first.kill();
    await stack.startWorker();
    expect(await untilEnded(id)).toMatchObject({ status: 'completed', attempt: 2, retryCount: 1 });
  });

  it('that is cancelled while it reads ends at once, leaves no program, and says nothing about the backup', async () => {
    const dir = await startWorkerWith('exec sleep 600');
    const id = await request();
    await until(async () => (await commandLinesWith('sleep 600')).length > 0);
    await client.post(`/verifications/${id}/cancel`);
    expect(await untilEnded(id)).toMatchObject({ status: 'cancelled', errorCode: 'CANCELLED' });
    expect(await commandLinesWith(dir)).toEqual([]);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      proofLevel: 'stored',
      damagedAt: null,
    });
  });

  it('whose pg_restore stalls is ended by the stall limit, again and for good', async () => {
    await startWorkerWith('exec sleep 600');
    expect(await untilEnded(await request())).toMatchObject({
      status: 'failed',
      errorCode: 'STALLED',
      retryCount: 1,
    });
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ damagedAt: null });
  });

  it('whose pg_restore is killed fails without a word against the backup', async () => {
    await startWorkerWith('kill -9 $$');
    expect(await untilEnded(await request())).toMatchObject({ status: 'failed', errorCode: 'TOOL_FAILED' });
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({ damagedAt: null });
  });

  it('whose pg_restore refuses the archive fails and quotes it', async () => {
    await startWorkerWith('cat > /dev/null; echo "pg_restore: error: did not find magic string" >&2; exit 1');
    expect(await untilEnded(await request())).toMatchObject({
      status: 'failed',
      errorCode: 'FILE_CORRUPTION',
      errorMessage: expect.stringContaining('did not find magic string'),
    });
  });
});
