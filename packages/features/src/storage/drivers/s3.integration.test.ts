/** The S3 driver against a real server. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import { describeDriver } from '../driver-conformance.test.ts';
import { S3Storage } from './s3.ts';

const bucket = 'backups';

describe('S3Storage', () => {
  let server: TestS3Server;

  beforeAll(async () => {
    Object.assign(process.env, s3Credentials);
    server = await TestS3Server.start(bucket);
  });
  afterAll(async () => await server.stop());

  const open = (prefix: string, name = bucket): S3Storage =>
    new S3Storage({
      type: 's3',
      bucket: name,
      prefix,
      endpoint: server.url,
      region: 'us-east-1',
      forcePathStyle: true,
    });

  describe.each(['', 'some/where'])('under the prefix "%s"', (prefix) => {
    describeDriver(async () => ({
      driver: open(prefix),
      dispose: async () => {
        expect(server.openUploads(bucket)).toEqual([]);
        server.empty(bucket);
      },
    }));
  });

  it('says that there is no such bucket', async () => {
    const driver = open('', 'elsewhere');
    await expect(driver.listPartials()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    await expect(driver.open('a')).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });
});
