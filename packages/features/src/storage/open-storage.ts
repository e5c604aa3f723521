/** Opens the driver of a location. */
import { LocalStorage } from './drivers/local.ts';
import { S3Storage } from './drivers/s3.ts';
import type { StorageDriver, StorageLocation } from './storage-driver.ts';

export function openStorage(location: StorageLocation): StorageDriver {
  return location.type === 'local' ? new LocalStorage(location.root) : new S3Storage(location);
}
