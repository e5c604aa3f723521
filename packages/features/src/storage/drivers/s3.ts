/** Backups in a bucket: written under a hidden key, copied by the server to the final one, which only ever shows whole objects. */
import type { Readable, Writable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { AppError } from '@holdfast/contracts/errors';
import type {
  ByteRange,
  PartialFile,
  PublishProgress,
  S3Location,
  StorageDriver,
  StoredFile,
  StoredPartial,
} from '../storage-driver.ts';
import { formatStorageTarget } from '../storage-target.ts';
import { classifyAsLost, classifyS3Error, isMissing, isUploadGone } from './s3-errors.ts';
import { abortCopy, type PreparedCopy, prepareCopy, publishCopy, type S3Copy } from './s3-publish.ts';
import { openObject } from './s3-read.ts';
import { S3Upload } from './s3-upload.ts';

const hiddenFolder = '.partial/';
const hiddenName = /^(.+)\.(\d+)$/;
const maxKeyBytes = 1024;

/** The SDK's own retries, with backoff and jitter, for what is worth it: 5xx, throttling, connections lost. */
const clientOptions = {
  maxAttempts: 5,
  followRegionRedirects: true,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 120_000 },
} as const;

interface Upload {
  readonly key: string;
  readonly uploadId: string;
}

export class S3Storage implements StorageDriver {
  readonly location: S3Location;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #root: string;
  readonly #prepared = new Map<string, PreparedCopy>();

  constructor(location: S3Location) {
    this.location = location;
    this.#bucket = location.bucket;
    this.#root = location.prefix === '' ? '' : `${location.prefix}/`;
    this.#client = new S3Client({
      ...clientOptions,
      region: location.region,
      forcePathStyle: location.forcePathStyle,
      ...(location.endpoint === null ? {} : { endpoint: location.endpoint }),
    });
  }

  get target(): string {
    return formatStorageTarget(this.location);
  }

  async createPartial(partial: PartialFile, expectedBytes = 0): Promise<Writable> {
    const key = this.#hiddenKey(partial);
    return new S3Upload({ client: this.#client, bucket: this.#bucket, key, expectedBytes });
  }

  async openPartial(partial: PartialFile): Promise<Readable> {
    const key = this.#hiddenKey(partial);
    return await this.#try(`Opening ${key}`, () => this.#open(key), classifyAsLost);
  }

  async preparePublish(partial: PartialFile, progress: PublishProgress): Promise<void> {
    const copy = this.#copyOf(partial);
    const copying = (): Promise<PreparedCopy | null> => prepareCopy(copy, progress);
    const prepared = await this.#try(`Copying to ${copy.to}`, copying, classifyAsLost);
    if (prepared !== null) {
      this.#prepared.set(copy.from, prepared);
    }
  }

  async publishPartial(partial: PartialFile): Promise<void> {
    const copy = this.#copyOf(partial);
    const prepared = this.#prepared.get(copy.from) ?? null;
    await this.#try(`Publishing ${copy.to}`, () => publishCopy(copy, prepared), classifyAsLost);
    this.#prepared.delete(copy.from);
  }

  async removePartial(partial: PartialFile): Promise<void> {
    const copy = this.#copyOf(partial);
    await this.#try(`Removing the partial file of ${copy.to}`, async () => {
      const prepared = this.#prepared.get(copy.from);
      this.#prepared.delete(copy.from);
      if (prepared !== undefined) {
        await abortCopy(copy, prepared.uploadId);
      }
      // 0 stands for uploads to the final key itself.
      const key = partial.attempt === 0 ? copy.to : copy.from;
      await this.#abortUploads(key);
      if (partial.attempt !== 0) {
        await this.#delete(key);
      }
    });
  }

  async listPartials(): Promise<StoredPartial[]> {
    return await this.#try(`Listing partial files of ${this.#where}`, async () => {
      const found = new Map<string, StoredPartial>();
      for (const { key } of await this.#listUploads(this.#root)) {
        this.#addPartial(found, key, 0);
      }
      for await (const { path, sizeBytes } of this.#listKeys(hiddenFolder)) {
        this.#addPartial(found, this.#root + path, sizeBytes);
      }
      return [...found.values()];
    });
  }

  async open(path: string, range?: ByteRange): Promise<Readable> {
    return await this.#open(this.#finalKey(path), range);
  }

  async stat(path: string): Promise<StoredFile | null> {
    const key = this.#finalKey(path);
    return await this.#try(`Looking at ${key}`, async () => {
      try {
        const found = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
        return {
          path,
          sizeBytes: found.ContentLength ?? 0,
          modifiedAt: found.LastModified as Date,
          version: found.ETag ?? '',
        };
      } catch (error) {
        if (isMissing(error)) {
          return null;
        }
        throw error;
      }
    });
  }

  async *list(): AsyncIterable<StoredFile> {
    try {
      for await (const file of this.#listKeys('')) {
        // Consoles make empty objects that stand for folders.
        if (!file.path.startsWith(hiddenFolder) && !file.path.endsWith('/')) {
          yield file;
        }
      }
    } catch (error) {
      throw classifyS3Error(error, `Listing ${this.#where}`);
    }
  }

  async remove(path: string): Promise<void> {
    // In a bucket with versions, deleting what isn't there would leave a mark of it.
    if ((await this.stat(path)) !== null) {
      const key = this.#finalKey(path);
      await this.#try(`Removing ${key}`, () => this.#delete(key));
    }
  }

  async freeBytes(): Promise<number | null> {
    return null;
  }

  get #where(): string {
    return `s3://${this.#bucket}/${this.#root}`;
  }

  async #open(key: string, range?: ByteRange): Promise<Readable> {
    return await openObject({ client: this.#client, bucket: this.#bucket, key }, range);
  }

  async #delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  async *#listKeys(folder: string): AsyncIterable<StoredFile> {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#bucket, Prefix: this.#root + folder },
    );
    for await (const { Contents = [] } of pages) {
      for (const { Key = '', Size = 0, LastModified, ETag = '' } of Contents) {
        yield {
          path: Key.slice(this.#root.length),
          sizeBytes: Size,
          modifiedAt: LastModified as Date,
          version: ETag,
        };
      }
    }
  }

  async #listUploads(prefix: string): Promise<Upload[]> {
    const found: Upload[] = [];
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await this.#client.send(
        new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...marker }),
      );
      for (const { Key = '', UploadId = '' } of page.Uploads ?? []) {
        found.push({ key: Key, uploadId: UploadId });
      }
      if (page.IsTruncated !== true) {
        return found;
      }
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  async #abortUploads(key: string): Promise<void> {
    for (const upload of await this.#listUploads(key)) {
      if (upload.key !== key) {
        continue;
      }
      try {
        await this.#client.send(
          new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key: key, UploadId: upload.uploadId }),
        );
      } catch (error) {
        if (!isUploadGone(error)) {
          throw error;
        }
      }
    }
  }

  #addPartial(found: Map<string, StoredPartial>, key: string, sizeBytes: number): void {
    const path = key.slice(this.#root.length);
    if (!path.startsWith(hiddenFolder)) {
      found.set(key, { path, attempt: 0, sizeBytes });
      return;
    }
    const match = hiddenName.exec(path.slice(hiddenFolder.length));
    if (match !== null) {
      found.set(key, { path: match[1] as string, attempt: Number(match[2]), sizeBytes });
    }
  }

  #copyOf(partial: PartialFile): S3Copy {
    return {
      client: this.#client,
      bucket: this.#bucket,
      from: this.#hiddenKey(partial),
      to: this.#finalKey(partial.path),
    };
  }

  #hiddenKey({ path, attempt }: PartialFile): string {
    this.#finalKey(path);
    return this.#keyOf(`${hiddenFolder}${path}.${attempt}`);
  }

  #finalKey(path: string): string {
    if (path.startsWith(hiddenFolder)) {
      throw new AppError('INVALID_CONFIG', 'The path leads to where partial files are.');
    }
    return this.#keyOf(path);
  }

  /** @throws AppError INVALID_CONFIG for a path that could mean another place, here or once it is downloaded. */
  #keyOf(path: string): string {
    const isPlain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    const key = this.#root + path;
    if (!isPlain || path.includes('\0') || Buffer.byteLength(key) > maxKeyBytes) {
      throw new AppError('INVALID_CONFIG', 'The path leads out of the storage target, or is too long.');
    }
    return key;
  }

  async #try<T>(doing: string, work: () => Promise<T>, classify = classifyS3Error): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw classify(error, doing);
    }
  }
}
