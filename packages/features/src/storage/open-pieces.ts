/** A file of any storage piece by piece, in the way that is quickest there. */
import { AppError } from '@holdfast/contracts/errors';
import type { ByteRange, PieceReader, StorageDriver } from './storage-driver.ts';

/** @throws AppError BACKUP_NOT_FOUND where nothing, a link or a folder lies under the name */
export async function openPieces(
  driver: StorageDriver,
  path: string,
  range?: ByteRange,
): Promise<PieceReader> {
  if (driver.openPieces !== undefined) {
    return await driver.openPieces(path, range);
  }
  const file = await driver.stat(path);
  if (file === null) {
    throw new AppError('BACKUP_NOT_FOUND', `${path} is not in the storage.`);
  }
  const stream = await driver.open(path, range);
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const endAt = range?.end === undefined ? file.sizeBytes : range.end + 1;
  let leftBytes = endAt - (range?.start ?? 0);
  return {
    file,
    next: async () => {
      const { done, value } = await chunks.next();
      if (done !== true) {
        leftBytes -= value.length;
        return value;
      }
      if (leftBytes !== 0) {
        throw new AppError('FILE_CORRUPTION', `${path} gave ${leftBytes} bytes less than it has.`);
      }
      return null;
    },
    close: async () => {
      stream.destroy();
    },
  };
}
