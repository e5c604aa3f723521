/** Something in storage to read: a published file, or what an attempt has written so far. */
import type { Readable } from 'node:stream';
import { openStorage, type StorageLocation } from '../storage/index.ts';

export interface StoredSource {
  readonly storage: StorageLocation;
  readonly path: string;
  /** Of the partial file; null for the published one. */
  readonly attempt: number | null;
}

export async function openStored({ storage, path, attempt }: StoredSource): Promise<Readable> {
  const driver = openStorage(storage);
  return await (attempt === null ? driver.open(path) : driver.openPartial({ path, attempt }));
}
