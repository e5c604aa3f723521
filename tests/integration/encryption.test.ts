/** Encrypted backups: the standard age tool opens them, workers without an identity make but never read them. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import { createAgeKey } from '@holdfast/testkit/age-keys';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { createTestDatabase } from '@holdfast/testkit/databases';
import { restorePlainly } from '@holdfast/testkit/restore-plainly';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('an encrypted backup', () => {
  let stack: TestStack;
  let client: TestClient;
  let own: { recipient: string; identity: string; file: string };
  let other: typeof own;

  beforeAll(async () => {
    [own, other] = [await createAgeKey(), await createAgeKey()];
    stack = await TestStack.create({
      settings: { max_retries: 0 },
      env: { HOLDFAST_ENCRYPTION_RECIPIENTS: own.recipient },
    });
    ({ client } = await stack.startApi());
  });
  afterAll(async () => await stack.destroy());

  it.each(['zstd', 'none'] as const)(
    'with compression %s is opened by age alone, by each of its recipients, and drilled',
    async (compressionType) => {
      const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: own.identity });
      const backup = await stack.backUp(client, {
        compressionType,
        encryptionRecipients: [own.recipient, other.recipient],
      });
      expect(backup).toMatchObject({
        status: 'completed',
        encryption: { format: 'age', recipients: [own.recipient, other.recipient] },
      });
      expect(backup.filename).toMatch(/\.dump(\.zst)?\.age$/);
      for (const { file } of [own, other]) {
        const copy = await createTestDatabase('template0');
        await restorePlainly({ backup, file: stack.storedPath(backup), into: copy.url, identityFile: file });
        expect(await schemaOf(copy.url)).toBe(await schemaOf(stack.target?.url as string));
        expect(await dataOf(copy.url)).toEqual(await dataOf(stack.target?.url as string));
        await copy.drop();
      }
      expect(await stack.drill(client, backup.id)).toMatchObject({ result: { isEqual: true } });
      await worker.stop();
    },
  );

  it.each([
    ['no identity', () => ({})],
    ['the identity of somebody else', () => ({ HOLDFAST_ENCRYPTION_IDENTITY: other.identity })],
  ])('is made by default for the configured recipients, by a worker with %s too', async (_what, env) => {
    const worker = await stack.startWorker(env());
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    expect(backup).toMatchObject({
      status: 'completed',
      encryption: { recipients: [own.recipient] },
      metadata: { isListed: false },
    });
    const { manifest } = JSON.parse(
      await readFile(`${stack.storedPath(backup)}.manifest.json`, 'utf8'),
    ) as SignedManifest;
    expect(manifest.file.encryption).toEqual(backup.encryption);
    const drill = await stack.drill(client, backup.id);
    // A key that does not fit says nothing of the file.
    const wrongKey = {
      status: 'failed',
      errorCode: 'INVALID_CONFIG',
      errorRemediation: expect.stringContaining('HOLDFAST_ENCRYPTION_IDENTITY'),
    };
    expect(drill).toMatchObject(wrongKey);
    expect(await stack.verify(client, backup.id)).toMatchObject(wrongKey);
    expect(await client.get(`/backups/${backup.id}`)).toMatchObject({
      proofLevel: 'stored',
      damagedAt: null,
    });
    await worker.stop();
  });

  it('is left out where the request asks for none, and an impossible recipient is refused', async () => {
    const worker = await stack.startWorker();
    const backup = await stack.backUp(client, { compressionType: 'zstd', encryptionRecipients: [] });
    expect(backup).toMatchObject({ status: 'completed', encryption: null });
    expect(backup.filename).toMatch(/\.dump\.zst$/);
    const refused = await client.send('POST', '/backups', {
      body: { displayName: 'x', encryptionRecipients: ['age1notakey'] },
    });
    expect(refused.status).toBe(400);
    await worker.stop();
  });

  it('never shows the identity: not in a command line, not in a log, not in a row', async () => {
    const worker = await stack.startWorker({ HOLDFAST_ENCRYPTION_IDENTITY: own.identity });
    const backup = await stack.backUp(client, { compressionType: 'zstd' });
    await stack.drill(client, backup.id);
    const secret = own.identity.split('\n').find((line) => line.startsWith('AGE-SECRET-KEY')) as string;
    const rows = await stack.metadata.query(
      'SELECT to_jsonb(b) AS row FROM admin_backups b UNION ALL SELECT to_jsonb(a) FROM audit_log a',
    );
    expect(JSON.stringify([rows, ...stack.processes.map((started) => started.lines)])).not.toContain(secret);
    await worker.stop();
  });
});
