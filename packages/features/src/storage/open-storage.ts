/** Opens the driver of a location. */
import { LocalStorage } from './drivers/local.ts';
import type { StorageDriver, StorageLocation } from './storage-driver.ts';

export function openStorage(location: StorageLocation): StorageDriver {
  return new LocalStorage(location.root);
}
