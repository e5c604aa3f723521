/**
 * Gives an S3 object its final name. S3 can't rename, so the server copies, cut as the original was; the copy stays invisible until
 * it is completed, which never replaces an object. Why so, and what else was weighed: docs/adr/0011-s3-publishes-a-copy.md.
 */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { AppError } from '@holdfast/contracts/errors';
import type { PublishProgress } from '../storage-driver.ts';
import { type Part, partsOf } from './part-plan.ts';
import { isMissing, isTaken, isUploadGone } from './s3-errors.ts';
import { openObject } from './s3-read.ts';
import { firstPartMetadata } from './s3-upload.ts';

const copiesInFlight = 4;

export interface S3Copy {
  readonly client: S3Client;
  readonly bucket: string;
  readonly from: string;
  readonly to: string;
}

/** All parts are copied; only completing is left. */
export interface PreparedCopy {
  readonly uploadId: string;
  readonly parts: readonly CompletedPart[];
}

const unwatched: PublishProgress = { signal: new AbortController().signal, onBytes: () => undefined };

/** Null where the object is small enough to be copied at once. */
export async function prepareCopy(copy: S3Copy, progress = unwatched): Promise<PreparedCopy | null> {
  const source = await head(copy, copy.from);
  const firstBytes = Number(source.Metadata?.[firstPartMetadata] ?? Number.NaN);
  if (Number.isNaN(firstBytes)) {
    return null;
  }
  const { client, bucket, to } = copy;
  const { UploadId: uploadId = '' } = await client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key: to, Metadata: source.Metadata }),
  );
  try {
    return {
      uploadId,
      parts: await copyParts(copy, uploadId, partsOf(source.ContentLength ?? 0, firstBytes), progress),
    };
  } catch (error) {
    await abortCopy(copy, uploadId);
    throw error;
  }
}

export async function abortCopy({ client, bucket, to }: S3Copy, uploadId: string): Promise<void> {
  try {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: to, UploadId: uploadId }));
  } catch (error) {
    if (!isUploadGone(error)) {
      throw error;
    }
  }
}

/**
 * @throws AppError IN_USE where the final name exists, FILE_CORRUPTION where the copy is not what was copied. A copy that could not
 * be compared doesn't stay.
 */
export async function publishCopy(copy: S3Copy, prepared: PreparedCopy | null): Promise<void> {
  const { client, bucket, to } = copy;
  // Stores that know no conditional writes ignore the condition below.
  if ((await headOrNull(copy, to)) !== null) {
    throw taken(to);
  }
  const isOurs = await complete(copy, prepared);
  try {
    if (!(await isSame(copy))) {
      throw isOurs
        ? new AppError(
            'FILE_CORRUPTION',
            `The storage's copy of ${to} differs from what was written and read back.`,
          )
        : taken(to);
    }
  } catch (error) {
    if (isOurs) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: to }));
    }
    throw error;
  }
}

function taken(key: string): AppError {
  return new AppError('IN_USE', `${key} exists already.`);
}

/** False where the name is taken: by others, or by this very copy, if the answer to its completion was lost. */
async function complete(copy: S3Copy, prepared: PreparedCopy | null): Promise<boolean> {
  const ready = prepared ?? (await prepareCopy(copy));
  const { client, bucket, from, to } = copy;
  const condition = { Bucket: bucket, Key: to, IfNoneMatch: '*' };
  try {
    if (ready === null) {
      await client.send(new CopyObjectCommand({ ...condition, CopySource: sourceOf(bucket, from) }));
      return true;
    }
    const MultipartUpload = { Parts: [...ready.parts] };
    await client.send(
      new CompleteMultipartUploadCommand({ ...condition, UploadId: ready.uploadId, MultipartUpload }),
    );
    return true;
  } catch (error) {
    if (prepared !== null && isUploadGone(error)) {
      // A sweep took it for left behind: once more, from what still lies under the temporary name.
      return await complete(copy, null);
    }
    if (ready !== null) {
      await abortCopy(copy, ready.uploadId);
    }
    if (isTaken(error)) {
      return false;
    }
    throw error;
  }
}

async function copyParts(
  { client, bucket, from, to }: S3Copy,
  uploadId: string,
  parts: Iterable<Part>,
  { signal, onBytes }: PublishProgress,
): Promise<CompletedPart[]> {
  const done: CompletedPart[] = [];
  // Shared: each lane takes the next part as soon as it has a hand free.
  const queue = parts[Symbol.iterator]();
  const failed = new AbortController();
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      failed.signal.throwIfAborted();
      const { number, start, end } = next.value;
      const { CopyPartResult } = await client.send(
        new UploadPartCopyCommand({
          Bucket: bucket,
          Key: to,
          UploadId: uploadId,
          PartNumber: number,
          CopySource: sourceOf(bucket, from),
          CopySourceRange: `bytes=${start}-${end}`,
        }),
        { abortSignal: AbortSignal.any([signal, failed.signal]) },
      );
      done.push({
        PartNumber: number,
        ETag: CopyPartResult?.ETag,
        ChecksumCRC32: CopyPartResult?.ChecksumCRC32,
      });
      onBytes(end + 1 - start);
    }
  };
  const lanes = Array.from({ length: copiesInFlight }, () =>
    lane().catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const broken = (await Promise.allSettled(lanes)).find((result) => result.status === 'rejected');
  if (broken !== undefined) {
    signal.throwIfAborted();
    throw broken.reason;
  }
  return done.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
}

/** The store's own checksums tell; where it encrypts and gives none that can be compared, the bytes do. */
async function isSame(copy: S3Copy): Promise<boolean> {
  const [from, to] = await Promise.all([head(copy, copy.from), head(copy, copy.to)]);
  if (from.ContentLength !== to.ContentLength) {
    return false;
  }
  if (from.ETag !== undefined && from.ETag === to.ETag) {
    return true;
  }
  const [read, copied] = await Promise.all([sha256Of(copy, copy.from), sha256Of(copy, copy.to)]);
  return read === copied;
}

async function sha256Of({ client, bucket }: S3Copy, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of (await openObject({ client, bucket, key })) as AsyncIterable<Buffer>) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}

async function head({ client, bucket }: S3Copy, key: string): Promise<HeadObjectCommandOutput> {
  return await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
}

async function headOrNull(copy: S3Copy, key: string): Promise<HeadObjectCommandOutput | null> {
  try {
    return await head(copy, key);
  } catch (error) {
    if (isMissing(error)) {
      return null;
    }
    throw error;
  }
}

function sourceOf(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
