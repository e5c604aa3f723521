/** Live progress: whoever joins, whenever and wherever, sees the newest state at once and every later step; percent never falls. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { OperationEvent } from '@holdfast/contracts/events';
import type { OperationProgress } from '@holdfast/contracts/operations';
import { fakeClientDir } from '@holdfast/testkit/fake-tools';
import type { ProgressSocket, TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { until } from '@holdfast/testkit/until';

jest.setTimeout(60_000);

describe('the /progress namespace', () => {
  let stack: TestStack;
  let client: TestClient;
  let other: TestClient;
  const sockets: ProgressSocket[] = [];

  beforeAll(async () => {
    stack = await TestStack.create();
    ({ client } = await stack.startApi());
    ({ client: other } = await stack.startApi());
    await stack.startWorker({ HOLDFAST_PG_BIN_DIRS: await fakeClientDir(stack.folder, 'isSlow') });
  });
  afterAll(async () => {
    for (const socket of sockets) {
      socket.disconnect();
    }
    await stack.destroy();
  });

  const open = (at: TestClient, token?: string): ProgressSocket => {
    const socket = at.connect(token);
    sockets.push(socket);
    return socket;
  };

  /** What a subscriber knows of one backup until the end: the first state, and every event that is newer by its seq. */
  async function listen(at: TestClient, id: number): Promise<OperationProgress[]> {
    const events: OperationProgress[] = [];
    const socket = open(at);
    socket.on('progress', (progress) => events.push(progress));
    const answer = await at.subscribe(socket, { kind: 'backup', id });
    if (!answer.ok) {
      throw new Error(answer.code);
    }
    const state = answer.state as OperationProgress;
    await until(async () => [state, ...events].some((progress) => progress.status === 'completed'));
    expectOrder(events);
    // An event that was on its way while the state was read may come after it: only its seq tells.
    return [state, ...events.filter((progress) => progress.seq > state.seq)];
  }

  const expectOrder = (heard: readonly OperationProgress[]): void => {
    const percents = heard.map((progress) => progress.progressPercent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    const seqs = heard.map((progress) => progress.seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(
      heard.filter((progress) => (progress.progressPercent === 100) !== (progress.status === 'completed')),
    ).toEqual([]);
  };

  it('serves early and late subscribers of either API process', async () => {
    const id = await client.createBackup({ compressionType: 'zstd' });
    const early = listen(client, id);
    const elsewhere = listen(other, id);
    await until(
      async () =>
        (await client.get<OperationProgress>(`/backups/${id}/progress`)).currentStep === 'Creating backup',
    );
    const late = await listen(other, id);
    expect(late[0]).toMatchObject({ status: 'running', kind: 'backup', id: String(id), attempt: 1 });
    expect(late[0]?.progressPercent).toBeGreaterThan(0);
    for (const heard of [await early, await elsewhere, late]) {
      expectOrder(heard);
      expect(heard.filter((progress) => progress.status === 'completed')).toHaveLength(1);
    }
    const steps = [...new Set((await early).map((progress) => progress.currentStep))];
    expect(steps.slice(-4)).toEqual([
      'Creating backup',
      'Reading the stored file again',
      'Listing the stored archive',
      'Publishing',
    ]);
    expect((await elsewhere).some((progress) => progress.table !== null)).toBe(true);
  });

  it('tells the last state of an operation that ended long ago', async () => {
    const { id } = await stack.backUp(client);
    const heard = await listen(other, id);
    expect(heard).toMatchObject([{ status: 'completed', progressPercent: 100 }]);
  });

  it('lets a client that lost its connection catch up', async () => {
    const id = await client.createBackup({ compressionType: 'zstd' });
    const socket = open(client);
    const heard: OperationProgress[] = [];
    const take = (progress: OperationProgress): void => {
      if (progress.seq > (heard.at(-1)?.seq ?? 0)) {
        heard.push(progress);
      }
    };
    socket.on('progress', take);
    socket.on('connect', () => {
      socket.emit('subscribe', { kind: 'backup', id }, (answer) => {
        if (answer.ok) {
          take(answer.state as OperationProgress);
        }
      });
    });
    await until(async () => heard.some((progress) => progress.status === 'running'));
    const before = heard.length;
    socket.io.engine.close();
    await until(async () => heard.some((progress) => progress.status === 'completed'));
    expect(heard.length).toBeGreaterThan(before);
    const percents = heard.map((progress) => progress.progressPercent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
  });

  it('tells of every operation in the room "operations"', async () => {
    const socket = open(other);
    const events: OperationEvent[] = [];
    socket.on('operation', (event) => events.push(event));
    expect(await other.subscribe(socket, { kind: 'operations' })).toMatchObject({ ok: true, state: [] });
    const { id } = await stack.backUp(client);
    await until(async () => events.some((event) => event.event === 'ended'));
    expect(events).toEqual([
      { kind: 'backup', id: String(id), event: 'created', status: 'pending' },
      { kind: 'backup', id: String(id), event: 'ended', status: 'completed' },
    ]);
  });

  it.each<[string, unknown]>([
    ['an unknown kind', { kind: 'everything' }],
    ['no id', { kind: 'backup' }],
    ['an id that is none', { kind: 'backup', id: '1e9' }],
    ['an id of another kind', { kind: 'drill', id: 3 }],
    ['nothing at all', null],
  ])('refuses to subscribe to %s', async (_what, request) => {
    expect(await client.subscribe(open(client), request as never)).toEqual({
      ok: false,
      code: 'VALIDATION_FAILED',
    });
  });

  it('says so when there is no such backup', async () => {
    expect(await client.subscribe(open(client), { kind: 'backup', id: 999_999 })).toEqual({
      ok: false,
      code: 'BACKUP_NOT_FOUND',
    });
  });

  it.each([
    ['no token', '', 'UNAUTHENTICATED'],
    ['a token of somebody else', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.', 'UNAUTHENTICATED'],
  ])('refuses %s', async (_what, token, code) => {
    const socket = open(client, token);
    const refused = await new Promise<Error & { data?: { code: string } }>((resolve) =>
      socket.once('connect_error', resolve),
    );
    expect(refused.data?.code).toBe(code);
  });

  it('refuses a role that may not read backups', async () => {
    await stack.metadata.query(
      `INSERT INTO users (email, username, role, password_hash) SELECT 'guest@example.org', 'guest', 'user', password_hash FROM users LIMIT 1`,
    );
    const { TestClient: Client } = await import('@holdfast/testkit/test-client');
    const guest = await Client.signIn(client.url, 'guest@example.org', 'correct horse battery');
    const refused = await new Promise<Error & { data?: { code: string } }>((resolve) =>
      open(guest).once('connect_error', resolve),
    );
    expect(refused.data?.code).toBe('FORBIDDEN');
  });
});
