/** Programs that misbehave in place of pg_dump: each gives the right code, none a completed backup that isn't one. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fakeClientDir, type Misbehaviour } from '@holdfast/testkit/fake-tools';
import { commandLinesWith } from '@holdfast/testkit/processes-of';
import type { TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('a pg_dump that', () => {
  let stack: TestStack;
  let client: TestClient;
  let worker: TestProcess | undefined;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0, stall_timeout: 2 } });
    ({ client } = await stack.startApi());
  });
  afterAll(async () => await stack.destroy());

  const startWith = async (misbehaviour: Misbehaviour): Promise<string> => {
    await worker?.kill();
    const dir = await fakeClientDir(stack.folder, misbehaviour);
    worker = await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: dir });
    return dir;
  };

  it.each<[Misbehaviour, string, string]>([
    ['failsAtTheEnd', 'TOOL_FAILED', 'something went wrong at the very end'],
    ['closesOutputThenFails', 'TOOL_FAILED', 'lost the server'],
    ['isCutShortWithSuccess', 'FILE_CORRUPTION', 'cut short'],
    ['stallsWithoutAByte', 'STALLED', 'No byte moved'],
    ['stallsInTheMiddle', 'STALLED', 'No byte moved'],
    ['ignoresSignals', 'STALLED', 'No byte moved'],
    ['floodsStandardError', 'TOOL_FAILED', 'and that was all'],
  ])('%s fails with %s', async (misbehaviour, code, words) => {
    const dir = await startWith(misbehaviour);
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({ status: 'failed', errorCode: code, proofLevel: null, fileSize: 0 });
    expect(backup.errorMessage).toContain(words);
    expect(backup.errorRemediation).not.toBe('');
    expect(await stack.storedFiles()).toEqual([]);
    expect(await commandLinesWith(dir)).toEqual([]);
    expect(await stack.operationSessions()).toEqual([]);
  });

  it('warns and succeeds is completed, with its warning kept', async () => {
    await startWith('warns');
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({
      status: 'completed',
      metadata: { warnings: [expect.stringContaining('circular foreign-key')] },
    });
  });

  it('takes longer than command_timeout ends with TIMEOUT', async () => {
    await startWith('isSlow');
    await stack.metadata.query('UPDATE backup_settings SET command_timeout = 1');
    expect(await stack.backUp(client)).toMatchObject({ status: 'failed', errorCode: 'TIMEOUT' });
    await stack.metadata.query('UPDATE backup_settings SET command_timeout = 3600');
  });
});
