/** Reads a file of a folder into two buffers in turn: the one is filled while the other is being sent. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { ByteRange, PieceReader, StoredFile } from '../storage-driver.ts';

/** Measured: smaller ones cost more calls, larger ones fall out of the processor's cache. */
const pieceBytes = 512 * 1024;

export function describeStats(path: string, { size, mtime, mtimeNs, ctimeNs, ino }: BigIntStats): StoredFile {
  // The change time can't be set back, so bytes written in place show too.
  return { path, sizeBytes: Number(size), modifiedAt: mtime, version: `${ino}-${mtimeNs}-${ctimeNs}` };
}

/** Closes the handle, also where it throws. */
export async function readPieces(
  handle: FileHandle,
  path: string,
  range: ByteRange | undefined,
): Promise<PieceReader> {
  const stats = await handle.stat({ bigint: true }).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  const file = describeStats(path, stats);
  const endAt = range?.end === undefined ? file.sizeBytes : range.end + 1;
  let position = range?.start ?? 0;
  const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  let turn: 0 | 1 = 0;
  return {
    file,
    next: async () => {
      if (position >= endAt) {
        return null;
      }
      const buffer = buffers[turn];
      turn = turn === 0 ? 1 : 0;
      const wanted = Math.min(pieceBytes, endAt - position);
      const { bytesRead } = await read(handle, { path, buffer, wanted, position });
      position += bytesRead;
      return buffer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

interface Read {
  readonly path: string;
  readonly buffer: Buffer;
  readonly wanted: number;
  readonly position: number;
}

async function read(
  handle: FileHandle,
  { path, buffer, wanted, position }: Read,
): Promise<{ bytesRead: number }> {
  const answer = await handle.read(buffer, 0, wanted, position).catch((error: unknown) => {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new AppError('STORAGE_UNAVAILABLE', `Reading ${path} failed at offset ${position} (${code}).`, {
      cause: error,
    });
  });
  if (answer.bytesRead === 0) {
    throw new AppError('FILE_CORRUPTION', `${path} ends at offset ${position}, before its end.`);
  }
  return answer;
}
