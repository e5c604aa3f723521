/** Door of the storage feature. */
export { openStorage } from './open-storage.ts';
export { StorageTargets } from './storage-targets.ts';
export { openPieces } from './open-pieces.ts';
export type {
  ByteRange,
  PartialFile,
  PieceReader,
  StorageDriver,
  StorageLocation,
  StoredFile,
} from './storage-driver.ts';
