/** A stream into one S3 object: in parts, a few in flight, memory bounded; the object appears whole when the stream has finished, or not at all. */
import { Writable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type CompletedPart,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { firstPartBytes, partBytes } from './part-plan.ts';
import { classifyS3Error } from './s3-errors.ts';

/** On the object itself: by it a copy is cut like the original. */
export const firstPartMetadata = 'holdfast-first-part-bytes';

/** Beside the part that is being filled. More would hide more latency and cost a part's memory each. */
const partsInFlight = 3;

export interface S3UploadOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly expectedBytes: number;
}

export class S3Upload extends Writable {
  readonly #options: S3UploadOptions;
  readonly #firstBytes: number;
  readonly #abort = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #parts: CompletedPart[] = [];
  /** Used again part after part: fresh ones of this size would pile up until the collector looks. */
  readonly #spare: Buffer[] = [];
  #uploadId: string | null = null;
  #number = 1;
  #filling: Buffer;
  #filled = 0;
  #failure: unknown = null;

  constructor(options: S3UploadOptions) {
    super({ highWaterMark: 1024 * 1024 });
    this.#options = options;
    this.#firstBytes = firstPartBytes(options.expectedBytes);
    this.#filling = Buffer.allocUnsafeSlow(this.#firstBytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#take(chunk).then(
      () => done(),
      (error: unknown) => done(this.#classify(error)),
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#finish().then(
      () => done(),
      (error: unknown) => done(this.#classify(error)),
    );
  }

  /** Runs after success too, when nothing is left to abort. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#abort.abort();
    // A part that arrives after the abort would stay behind, so all have to settle first.
    void Promise.allSettled(this.#inFlight)
      .then(() => this.#abandon())
      .then(
        () => done(error),
        (abandoning: unknown) => done(error ?? this.#classify(abandoning)),
      );
  }

  #classify(error: unknown): Error {
    return classifyS3Error(error, `Writing ${this.#options.key}`);
  }

  async #take(chunk: Buffer): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      const count = chunk.copy(this.#filling, this.#filled, taken);
      taken += count;
      this.#filled += count;
      if (this.#filled === this.#filling.length) {
        await this.#sendPart();
      }
    }
  }

  async #finish(): Promise<void> {
    const { client, bucket, key } = this.#options;
    const rest = this.#filling.subarray(0, this.#filled);
    if (this.#uploadId === null) {
      await client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: rest, ContentLength: rest.length }),
        {
          abortSignal: this.#abort.signal,
        },
      );
      return;
    }
    if (rest.length > 0) {
      await this.#sendPart();
    }
    await Promise.all(this.#inFlight);
    this.#throwIfFailed();
    await client.send(
      new CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        UploadId: this.#uploadId,
        MultipartUpload: { Parts: this.#parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)) },
      }),
      { abortSignal: this.#abort.signal },
    );
    this.#uploadId = null;
  }

  /** Resolves as soon as another part may be filled. */
  async #sendPart(): Promise<void> {
    this.#uploadId ??= await this.#begin();
    const body = this.#filling;
    const upload = this.#uploadPart(this.#uploadId, this.#number, body.subarray(0, this.#filled)).then(
      () => void this.#spare.push(body),
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
    this.#inFlight.add(upload);
    void upload.then(() => this.#inFlight.delete(upload));
    this.#number += 1;
    this.#filled = 0;
    while (this.#inFlight.size >= partsInFlight) {
      await Promise.race(this.#inFlight);
    }
    this.#throwIfFailed();
    this.#filling = this.#takeBuffer(partBytes(this.#number, this.#firstBytes));
  }

  async #begin(): Promise<string> {
    const { client, bucket, key } = this.#options;
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        Metadata: { [firstPartMetadata]: String(this.#firstBytes) },
      }),
      { abortSignal: this.#abort.signal },
    );
    return UploadId as string;
  }

  async #uploadPart(uploadId: string, number: number, body: Buffer): Promise<void> {
    const { client, bucket, key } = this.#options;
    const { ETag, ChecksumCRC32 } = await client.send(
      new UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: number,
        Body: body,
        ContentLength: body.length,
      }),
      { abortSignal: this.#abort.signal },
    );
    this.#parts.push({ PartNumber: number, ETag, ChecksumCRC32 });
  }

  #takeBuffer(bytes: number): Buffer {
    const spare = this.#spare.pop();
    return spare !== undefined && spare.length === bytes ? spare : Buffer.allocUnsafeSlow(bytes);
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) {
      throw this.#failure;
    }
  }

  async #abandon(): Promise<void> {
    const uploadId = this.#uploadId;
    this.#uploadId = null;
    if (uploadId !== null) {
      const { client, bucket, key } = this.#options;
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }));
    }
  }
}
