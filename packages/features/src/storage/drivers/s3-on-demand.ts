/** An S3 target whose driver is loaded when it is first used: its SDK takes some 30 MB in every thread, and most installations have no bucket. */
import type { Readable, Writable } from 'node:stream';
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

export class S3OnDemand implements StorageDriver {
  readonly location: S3Location;
  #loaded: Promise<StorageDriver> | null = null;

  constructor(location: S3Location) {
    this.location = location;
  }

  get target(): string {
    return formatStorageTarget(this.location);
  }

  async createPartial(partial: PartialFile, expectedBytes?: number): Promise<Writable> {
    return await (await this.#driver()).createPartial(partial, expectedBytes);
  }

  async openPartial(partial: PartialFile): Promise<Readable> {
    return await (await this.#driver()).openPartial(partial);
  }

  async preparePublish(partial: PartialFile, progress: PublishProgress): Promise<void> {
    await (await this.#driver()).preparePublish(partial, progress);
  }

  async publishPartial(partial: PartialFile): Promise<void> {
    await (await this.#driver()).publishPartial(partial);
  }

  async removePartial(partial: PartialFile): Promise<void> {
    await (await this.#driver()).removePartial(partial);
  }

  async listPartials(): Promise<StoredPartial[]> {
    return await (await this.#driver()).listPartials();
  }

  async open(path: string, range?: ByteRange): Promise<Readable> {
    return await (await this.#driver()).open(path, range);
  }

  async stat(path: string): Promise<StoredFile | null> {
    return await (await this.#driver()).stat(path);
  }

  async *list(): AsyncIterable<StoredFile> {
    yield* (await this.#driver()).list();
  }

  async remove(path: string): Promise<void> {
    await (await this.#driver()).remove(path);
  }

  async freeBytes(): Promise<number | null> {
    return await (await this.#driver()).freeBytes();
  }

  #driver(): Promise<StorageDriver> {
    this.#loaded ??= import('./s3.ts').then(({ S3Storage }) => new S3Storage(this.location));
    return this.#loaded;
  }
}
