/** Reads an S3 object as one stream: a connection that breaks in the middle is taken up again where it broke. */
import { Readable } from 'node:stream';
import { AppError } from '@holdfast/contracts/errors';
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { ByteRange } from '../storage-driver.ts';
import { classifyS3Error } from './s3-errors.ts';

/** In a row, without a byte in between; the SDK's own retries of each request come on top. */
const maxResumptions = 4;
const chunkBytes = 256 * 1024;

export interface S3Object {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}

/** @throws AppError BACKUP_NOT_FOUND and what else the first request meets */
export async function openObject(object: S3Object, range?: ByteRange): Promise<Readable> {
  try {
    const first = await get(object, range);
    return Readable.from(read(object, first, range), { objectMode: false, highWaterMark: chunkBytes });
  } catch (error) {
    if ((error as Error).name === 'InvalidRange') {
      return Readable.from([], { objectMode: false });
    }
    throw classifyS3Error(error, `Opening ${object.key}`);
  }
}

async function get(
  { client, bucket, key }: S3Object,
  range: ByteRange | undefined,
  etag?: string,
): Promise<GetObjectCommandOutput> {
  return await client.send(
    new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end ?? ''}` }),
      ...(etag === undefined ? {} : { IfMatch: etag }),
    }),
  );
}

async function* read(
  object: S3Object,
  first: GetObjectCommandOutput,
  range: ByteRange | undefined,
): AsyncGenerator<Buffer> {
  const start = range?.start ?? 0;
  const total = first.ContentLength ?? 0;
  let body = first.Body as Readable;
  let done = 0;
  let failures = 0;
  try {
    for (;;) {
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          done += chunk.length;
          failures = 0;
          yield chunk;
        }
        if (done >= total) {
          return;
        }
        throw new Error('the answer ended before its length');
      } catch (error) {
        failures += 1;
        if (done >= total) {
          throw new AppError(
            'FILE_CORRUPTION',
            `${object.key} arrived with another checksum than the storage has for it.`,
            {
              cause: error,
            },
          );
        }
        if (failures > maxResumptions) {
          throw error;
        }
        // Of the same object, or not at all.
        const rest = { start: start + done, end: start + total - 1 };
        body = (await get(object, rest, first.ETag)).Body as Readable;
      }
    }
  } catch (error) {
    throw classifyS3Error(error, `Reading ${object.key}`);
  } finally {
    body.destroy();
  }
}
