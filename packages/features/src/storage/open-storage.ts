/** Opens the driver of a location. */
import { LocalStorage } from './drivers/local.ts';
import { S3OnDemand } from './drivers/s3-on-demand.ts';
import type { StorageDriver, StorageLocation } from './storage-driver.ts';

export function openStorage(location: StorageLocation): StorageDriver {
  return location.type === 'local' ? new LocalStorage(location.root) : new S3OnDemand(location);
}
