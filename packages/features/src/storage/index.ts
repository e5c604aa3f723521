/** Door of the storage feature. */
export { openStorage } from './open-storage.ts';
export { StorageTargets } from './storage-targets.ts';
export type { PartialFile, StorageDriver, StorageLocation } from './storage-driver.ts';
