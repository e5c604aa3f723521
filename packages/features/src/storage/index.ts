/** Door of the storage feature. */
export { LocalStorage } from './drivers/local.ts';
export type { PartialFile, StorageDriver, StorageUpload } from './storage-driver.ts';
