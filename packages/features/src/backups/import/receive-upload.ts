/** Takes an uploaded file into the storage as it comes: looked at before a byte is written, nothing held in memory. */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import { sniffedBytes } from '@holdfast/platform/archive/sniff-dump';
import type { DataSource } from 'typeorm';
import type { StorageTargets } from '../../storage/index.ts';
import { recordUpload, removeUpload, uploadLimitMs } from './import-uploads.ts';
import { type LookedAtDump, lookAtDump } from './look-at-dump.ts';

export interface Upload {
  readonly body: Readable;
  /** As its sender says; null where it does not. */
  readonly sizeBytes: number | null;
  readonly storageTarget: string;
}

export interface ReceivedUpload {
  readonly path: string;
  readonly looked: LookedAtDump;
}

/** @throws AppError VALIDATION_FAILED for what is no dump, INSUFFICIENT_SPACE, and what the storage says; nothing is left then */
export async function receiveUpload(
  deps: { readonly source: DataSource; readonly storage: StorageTargets },
  { body, sizeBytes, storageTarget }: Upload,
): Promise<ReceivedUpload> {
  const storage = deps.storage.open(storageTarget);
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const { head, bytes } = await readHead(chunks);
  const looked = await lookAtDump(bytes);
  const freeBytes = await storage.freeBytes();
  if (sizeBytes !== null && freeBytes !== null && freeBytes < sizeBytes) {
    throw new AppError(
      'INSUFFICIENT_SPACE',
      `The file has ${sizeBytes} bytes; ${storage.target} has ${freeBytes} left.`,
    );
  }
  const partial = await recordUpload(deps.source, storage.target);
  try {
    const destination = await storage.createPartial(partial, sizeBytes ?? undefined);
    await pipeline(rejoin(head, chunks), destination, { signal: AbortSignal.timeout(uploadLimitMs) });
    if (body.readableAborted || body.errored) {
      throw new AppError('VALIDATION_FAILED', 'The upload was broken off.');
    }
    await storage.publishPartial(partial);
    await storage.removePartial(partial);
    return { path: partial.path, looked };
  } catch (error) {
    await removeUpload(deps, storage.target, partial.path);
    throw error;
  }
}

async function readHead(chunks: AsyncIterator<Buffer>): Promise<{ head: Buffer[]; bytes: Buffer }> {
  const head: Buffer[] = [];
  let size = 0;
  while (size < sniffedBytes) {
    const { done, value } = await chunks.next();
    if (done === true) {
      break;
    }
    head.push(value);
    size += value.length;
  }
  return { head, bytes: Buffer.concat(head).subarray(0, sniffedBytes) };
}

async function* rejoin(head: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}
