/** The API dies between accepting and queueing, or before it answers: accepted means it happens, once. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('the API', () => {
  let stack: TestStack;

  beforeEach(async () => {
    stack = await TestStack.create();
  });
  afterEach(async () => await stack.destroy());

  it.each(['backup-committed', 'backup-enqueued'])(
    'killed at "%s": the backup runs once, and a repeat with the same key finds it',
    async (step) => {
      const first = await stack.startApi({ TEST_PAUSE_AT: step });
      const request = {
        body: { displayName: 'Interrupted' },
        headers: { 'idempotency-key': 'one and only' },
      };
      const unanswered = first.client
        .send('POST', '/backups', request)
        .catch((error: Error) => error.message);
      await first.process.reached(step);
      await first.process.kill();
      expect(await unanswered).toBe('fetch failed');

      const { client } = await stack.startApi();
      await stack.startWorker();
      const repeat = await client.send<{ backupId: number }>('POST', '/backups', request);
      expect(repeat.status).toBe(202);
      expect(await stack.untilEnded(client, repeat.body.backupId)).toMatchObject({
        status: 'completed',
        attempt: 1,
        displayName: 'Interrupted',
      });
      expect(await stack.metadata.query('SELECT id FROM admin_backups')).toHaveLength(1);
    },
  );

  it('refuses the same key with another request', async () => {
    const { client } = await stack.startApi();
    const headers = { 'idempotency-key': 'k' };
    const [one, same] = [
      await client.send('POST', '/backups', { body: { displayName: 'A' }, headers }),
      await client.send('POST', '/backups', { body: { displayName: 'A' }, headers }),
    ];
    expect(same.body).toEqual(one.body);
    expect(await client.send('POST', '/backups', { body: { displayName: 'B' }, headers })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_CONFLICT' },
    });
  });
});
