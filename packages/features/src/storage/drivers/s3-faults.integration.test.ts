/** The S3 driver behind a proxy that breaks: retried where it passes, else the right code, and nothing left in the bucket. */
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HttpProxy, type Fault, type ProxiedRequest } from '@holdfast/testkit/http-proxy';
import { s3Credentials, TestS3Server } from '@holdfast/testkit/s3-server';
import { S3Storage } from './s3.ts';

jest.setTimeout(120_000);

const bucket = 'backups';
const partial = { path: 'manual/a.dump', attempt: 1 };
const unwatched = { signal: new AbortController().signal, onBytes: () => undefined };
/** A whole part of 8 MiB and a bit. */
const content = randomBytes(9_000_000);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const isPart = ({ method, path }: ProxiedRequest): boolean =>
  method === 'PUT' && path.includes('partNumber=');
const isCompletion = ({ method, path }: ProxiedRequest): boolean =>
  method === 'POST' && path.includes('uploadId=');
const isHidden = ({ path }: ProxiedRequest): boolean => path.includes('.partial');
const isRead = ({ method }: ProxiedRequest): boolean => method === 'GET';

describe('S3Storage behind a faulty network', () => {
  let server: TestS3Server;
  let proxy: HttpProxy;
  let driver: S3Storage;

  beforeAll(async () => {
    Object.assign(process.env, s3Credentials);
    server = await TestS3Server.start(bucket);
  });
  afterAll(async () => await server.stop());
  beforeEach(async () => {
    proxy = await HttpProxy.start(server.url);
    driver = new S3Storage({
      type: 's3',
      bucket,
      prefix: '',
      endpoint: proxy.url,
      region: 'us-east-1',
      forcePathStyle: true,
    });
  });
  afterEach(async () => {
    await proxy.stop();
    server.empty(bucket);
  });

  const upload = async (bytes = content): Promise<void> => {
    const chunks = function* (): Generator<Buffer> {
      for (let start = 0; start < bytes.length; start += 262_144) {
        yield bytes.subarray(start, start + 262_144);
      }
    };
    await pipeline(chunks, await driver.createPartial(partial, bytes.length));
  };
  const publish = async (): Promise<void> => {
    await driver.preparePublish(partial, unwatched);
    await driver.publishPartial(partial);
  };
  /** The first so many requests that fit meet the fault. */
  const fail = (times: number, fits: (request: ProxiedRequest) => boolean, fault: Fault): void => {
    let left = times;
    proxy.decide = (request) => (left > 0 && fits(request) && left-- > 0 ? fault : null);
  };

  it.each<[string, number, (request: ProxiedRequest) => boolean, Fault]>([
    ['answers 500 to two parts', 2, isPart, { kind: 'answer', status: 500, code: 'InternalError' }],
    [
      'answers 503 SlowDown to everything for a while',
      3,
      () => true,
      { kind: 'answer', status: 503, code: 'SlowDown' },
    ],
    [
      'breaks the connection in the middle of a part',
      2,
      isPart,
      { kind: 'cutRequest', afterBytes: 3_000_000 },
    ],
    ['is slow with every part', 99, isPart, { kind: 'slow', pauseMs: 2 }],
    [
      'answers 500 when the upload is completed',
      1,
      isCompletion,
      { kind: 'answer', status: 500, code: 'InternalError' },
    ],
  ])('completes an upload to a server that %s', async (_what, times, fits, fault) => {
    fail(times, fits, fault);
    await upload();
    await publish();
    await driver.removePartial(partial);
    proxy.decide = () => null;
    expect(sha256(await server.read(bucket, partial.path))).toBe(sha256(content));
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[partial.path], []]);
  });

  it.each<[string, (request: ProxiedRequest) => boolean, Fault, object]>([
    [
      'answers 500 to every part',
      isPart,
      { kind: 'answer', status: 500, code: 'InternalError' },
      { code: 'STORAGE_UNAVAILABLE', transient: true },
    ],
    [
      'breaks the connection in every part',
      isPart,
      { kind: 'cutRequest', afterBytes: 1_000_000 },
      { code: 'STORAGE_UNAVAILABLE', transient: true },
    ],
    [
      'tells other checksums of parts than it has',
      isPart,
      { kind: 'headers', headers: { etag: '"00000000000000000000000000000000"' } },
      { code: 'STORAGE_UNAVAILABLE', transient: true },
    ],
    [
      'has no room left',
      isPart,
      { kind: 'answer', status: 507, code: 'QuotaExceeded' },
      { code: 'INSUFFICIENT_SPACE', transient: false },
    ],
    [
      'refuses to write',
      isPart,
      { kind: 'answer', status: 403, code: 'AccessDenied' },
      { code: 'PERMISSION_DENIED', remediation: expect.stringContaining('s3:GetObject, PutObject') },
    ],
    [
      'knows no such key',
      isPart,
      { kind: 'answer', status: 403, code: 'InvalidAccessKeyId' },
      { code: 'INVALID_CONFIG', remediation: expect.stringContaining('AWS_ACCESS_KEY_ID') },
    ],
    [
      'has lost the bucket',
      isPart,
      { kind: 'answer', status: 404, code: 'NoSuchBucket' },
      { code: 'INVALID_CONFIG', remediation: expect.stringContaining('bucket') },
    ],
    [
      'finds the clock wrong, however corrected',
      isPart,
      { kind: 'answer', status: 403, code: 'RequestTimeTooSkewed' },
      { code: 'INVALID_CONFIG', remediation: expect.stringContaining('clock') },
    ],
  ])('fails an upload to a server that %s, and leaves nothing', async (_what, fits, fault, expected) => {
    fail(Number.POSITIVE_INFINITY, fits, fault);
    await expect(upload()).rejects.toMatchObject(expected);
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[], []]);
  });

  it('says STORAGE_UNAVAILABLE where nobody listens', async () => {
    await proxy.stop();
    await expect(driver.listPartials()).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      transient: true,
    });
    await expect(driver.open('a')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', transient: true });
    proxy = await HttpProxy.start(server.url);
  });

  it('fails the copy of a backup with its code and leaves the original to be tried again', async () => {
    await upload();
    const copies = (request: ProxiedRequest): boolean => isPart(request) && !isHidden(request);
    fail(Number.POSITIVE_INFINITY, copies, { kind: 'answer', status: 500, code: 'InternalError' });
    await expect(publish()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([
      ['.partial/manual/a.dump.1'],
      [],
    ]);
    proxy.decide = () => null;
    await publish();
    expect(await driver.stat(partial.path)).toMatchObject({ sizeBytes: content.length });
  });

  it('publishes although a sweep took the prepared copy for left behind', async () => {
    await upload();
    await driver.preparePublish(partial, unwatched);
    expect(await driver.listPartials()).toContainEqual({ path: partial.path, attempt: 0, sizeBytes: 0 });
    await driver.removePartial({ path: partial.path, attempt: 0 });
    expect(server.openUploads(bucket)).toEqual([]);
    await driver.publishPartial(partial);
    expect(sha256(await server.read(bucket, partial.path))).toBe(sha256(content));
    expect(server.openUploads(bucket)).toEqual([]);
  });

  it('takes a publication whose answer was lost for what it is', async () => {
    await upload();
    fail(1, (request) => isCompletion(request) && !isHidden(request), { kind: 'cutAnswer', afterBytes: 0 });
    await publish();
    await driver.removePartial(partial);
    expect(sha256(await server.read(bucket, partial.path))).toBe(sha256(content));
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[partial.path], []]);
  });

  it('begins an upload again whose last answer was lost', async () => {
    fail(1, isCompletion, { kind: 'cutAnswer', afterBytes: 0 });
    await expect(upload()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', transient: true });
    await driver.removePartial(partial);
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[], []]);
  });

  it('leaves no copy that it could not look at', async () => {
    await upload();
    await driver.preparePublish(partial, unwatched);
    let completed = false;
    proxy.decide = (request) => {
      completed ||= isCompletion(request);
      return completed && request.method === 'HEAD'
        ? { kind: 'answer', status: 500, code: 'InternalError' }
        : null;
    };
    await expect(driver.publishPartial(partial)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(await server.keys(bucket)).toEqual(['.partial/manual/a.dump.1']);
  });

  it('ends a copy that is broken off', async () => {
    await upload();
    const controller = new AbortController();
    const copying = driver.preparePublish(partial, {
      signal: controller.signal,
      onBytes: () => controller.abort(new Error('cancelled')),
    });
    await expect(copying).rejects.toThrow();
    await driver.removePartial(partial);
    expect([await server.keys(bucket), server.openUploads(bucket)]).toEqual([[], []]);
  });

  it('compares bytes where checksums can not be compared, and takes equal ones for equal', async () => {
    await upload();
    proxy.decide = (request) =>
      request.method === 'HEAD'
        ? { kind: 'headers', headers: { etag: `"encrypted-${request.index}"` } }
        : null;
    await publish();
    expect(proxy.seen.filter(isRead)).toHaveLength(2);
    expect(await server.keys(bucket)).toContain(partial.path);
  });

  it('never publishes a copy that differs from the original', async () => {
    await upload(randomBytes(1_000));
    // The copy is somebody else's: as if the server had copied wrongly.
    proxy.decide = (request) => {
      if (request.method === 'HEAD') {
        return { kind: 'headers', headers: { etag: `"encrypted-${request.index}"` } };
      }
      return isRead(request) && !isHidden(request) ? { kind: 'flip', atByte: 500 } : null;
    };
    await expect(publish()).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
    expect(await server.keys(bucket)).toEqual(['.partial/manual/a.dump.1']);
  });

  describe('reading', () => {
    beforeEach(async () => {
      await server.write(bucket, 'a', content);
    });

    it.each([undefined, { start: 500_000, end: 8_999_990 }])(
      'goes on where the connection broke (%j)',
      async (range) => {
        fail(2, isRead, { kind: 'cutAnswer', afterBytes: 4_000_000 });
        const wanted = content.subarray(range?.start ?? 0, (range?.end ?? content.length) + 1);
        expect(sha256(await buffer(await driver.open('a', range)))).toBe(sha256(wanted));
        expect(proxy.seen.filter(isRead)).toHaveLength(3);
      },
    );

    it('fails with STORAGE_UNAVAILABLE where it never gets on', async () => {
      const stream = await driver.open('a', { start: 1 });
      proxy.decide = () => ({ kind: 'cutAnswer', afterBytes: 0 });
      await proxy.stop();
      await expect(buffer(stream)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', transient: true });
      proxy = await HttpProxy.start(server.url);
    });

    it('never goes on in another object of the same name', async () => {
      fail(1, isRead, { kind: 'cutAnswer', afterBytes: 4_000_000 });
      const stream = await driver.open('a');
      await server.write(bucket, 'a', randomBytes(content.length));
      await expect(buffer(stream)).rejects.toMatchObject({ message: expect.stringContaining('412') });
    });
  });
});
