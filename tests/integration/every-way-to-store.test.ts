/** Format × compression × encryption × storage: the demo forum, restored by the plain tools alone, equal to the original. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { backupFormats, compressionTypes } from '@holdfast/contracts/backups';
import { type AgeKey, createAgeKey } from '@holdfast/testkit/age-keys';
import { dataOf, schemaOf } from '@holdfast/testkit/compare-databases';
import { createTestDatabase } from '@holdfast/testkit/databases';
import { restorePlainly } from '@holdfast/testkit/restore-plainly';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(120_000);

const bucket = 'backups';

const ways = backupFormats.flatMap((backupFormat) =>
  compressionTypes.flatMap((compressionType) =>
    ['in the clear', 'encrypted'].map((secrecy) => ({ backupFormat, compressionType, secrecy })),
  ),
);

describe.each(['a folder', 'a bucket'])('a backup in %s', (storage) => {
  let key: AgeKey;
  let server: TestS3Server;
  let stack: TestStack;
  let client: TestClient;
  let original: readonly [string, unknown];

  beforeAll(async () => {
    key = await createAgeKey();
    server = await TestS3Server.start(bucket);
    stack = await TestStack.create({
      settings: { max_retries: 0 },
      env:
        storage === 'a folder'
          ? {}
          : { ...s3Credentials, HOLDFAST_STORAGE: `s3://${bucket}/holdfast`, S3_ENDPOINT: server.url },
    });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    const url = stack.target?.url as string;
    original = [await schemaOf(url), await dataOf(url)];
  });
  afterAll(async () => {
    await stack.destroy();
    await server.stop();
  });

  it.each(ways)(
    'as $backupFormat, $compressionType, $secrecy',
    async ({ backupFormat, compressionType, secrecy }) => {
      const backup = await stack.backUp(client, {
        backupFormat,
        compressionType,
        ...(backupFormat === 'directory' ? { jobs: 2 } : {}),
        encryptionRecipients: secrecy === 'encrypted' ? [key.recipient] : [],
      });
      expect(backup).toMatchObject({ status: 'completed', proofLevel: 'stored', errorCode: null });
      expect(backup.encryption === null).toBe(secrecy === 'in the clear');
      expect(backup.storageTarget).toMatch(storage === 'a folder' ? /^file:/ : /^s3:/);
      const fetched = path.join(stack.folder, 'fetched');
      if (storage === 'a bucket') {
        await writeFile(fetched, await server.read(bucket, `holdfast/${backup.filePath}`));
        server.empty(bucket);
      }
      const copy = await createTestDatabase('template0');
      await restorePlainly({
        backup,
        file: storage === 'a folder' ? stack.storedPath(backup) : fetched,
        into: copy.url,
        identityFile: key.file,
      });
      expect([await schemaOf(copy.url), await dataOf(copy.url)]).toEqual(original);
      await copy.drop();
    },
  );
});
