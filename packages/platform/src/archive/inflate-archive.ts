/**
 * Makes of a custom-format archive that is compressed inside, as pg_dump's default is, the same archive uncompressed: so that it is kept,
 * inspected, verified and restored like every other. Block by block, in constant memory; pg_restore itself could only make a script of it.
 */
import { pipeline } from 'node:stream/promises';
import type { Transform } from 'node:stream';
import { createInflate, createZstdDecompress } from 'node:zlib';
import { AppError } from '@holdfast/contracts/errors';
import type { EntryLayout, InnerCompression } from './archive-header.ts';
import { HeadReader } from './head-reader.ts';
import type { TocEntry } from './table-of-contents.ts';

const intBytes = 5;
/** In the header, behind the magic, three bytes of version, the sizes of int and offset, and the format. */
const compressionOffset = 11;
/** Of an entry: its data lies at the offset that follows, or somewhere, as in an archive that was written to a pipe. */
const offsetStates = { unknown: 1, known: 2 } as const;
const blockTypes = { rows: 1, largeObjects: 3 } as const;
const chunkBytes = 256 * 1024;

/** @throws AppError FILE_CORRUPTION with the offset, INVALID_CONFIG for what is not supported */
export async function* inflateArchive(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = new ByteSource(chunks);
  const { compression, head } = await readHead(source);
  yield* head;
  while (await source.hasMore()) {
    const type = await source.exactly(1);
    const dumpId = await source.exactly(intBytes);
    yield Buffer.concat([type, dumpId]);
    if (type[0] === blockTypes.rows) {
      yield* inflateChunks(source, compression);
    } else if (type[0] === blockTypes.largeObjects) {
      yield* inflateObjects(source, compression);
    } else {
      throw damagedAt(source.offset, `${type[0]} is no kind of data block`);
    }
  }
}

interface Head {
  readonly compression: InnerCompression;
  readonly head: readonly Buffer[];
}

async function readHead(source: ByteSource): Promise<Head> {
  const head: Buffer[] = [];
  let layout: EntryLayout | null = null;
  const reader = new HeadReader('custom', 0, (bytes, item) => {
    const copy = Buffer.from(bytes);
    head.push(copy);
    if (item !== null && 'compression' in item) {
      layout = item;
      forgetCompression(copy, item);
    } else if (item !== null) {
      forgetOffset(copy, item, layout as unknown as EntryLayout);
    }
  });
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
    const rest = reader.read(chunk);
    if (rest !== null) {
      source.giveBack(rest);
      const { compression } = layout as unknown as EntryLayout;
      refuseUnsupported(compression);
      return { compression, head };
    }
  }
  throw damagedAt(source.offset, 'the table of contents is cut short');
}

function refuseUnsupported(compression: InnerCompression): void {
  if (compression === 'lz4') {
    throw new AppError('INVALID_CONFIG', 'The archive is compressed inside with lz4.', {
      remediation: 'Make it again with pg_dump --compress=gzip, zstd or none; those can be imported.',
    });
  }
}

function forgetCompression(header: Buffer, { minorVersion }: EntryLayout): void {
  header.fill(0, compressionOffset, compressionOffset + (minorVersion >= 15 ? 1 : intBytes));
}

/** Where the data was it is no longer: pg_restore then looks for it, as it does in an archive from a pipe. */
function forgetOffset(bytes: Buffer, entry: TocEntry, { offsetBytes }: EntryLayout): void {
  const at = bytes.length - offsetBytes - 1;
  if (entry.hasData || bytes[at] === offsetStates.known) {
    bytes[at] = offsetStates.unknown;
    bytes.fill(0, at + 1);
  }
}

async function* inflateObjects(source: ByteSource, compression: InnerCompression): AsyncGenerator<Buffer> {
  for (;;) {
    const oid = await source.exactly(intBytes);
    yield oid;
    if (oid.readUInt32LE(1) === 0) {
      return;
    }
    yield* inflateChunks(source, compression);
  }
}

/** What stands between here and a chunk without length is one compressed stream; what comes out is chunks again. */
async function* inflateChunks(source: ByteSource, compression: InnerCompression): AsyncGenerator<Buffer> {
  const payload = payloadOf(source);
  const first = await payload.next();
  if (first.done !== true) {
    yield* compression === 'none'
      ? framed(prepend(first.value, payload))
      : framed(inflated(prepend(first.value, payload), source, compression));
  }
  yield encodeInt(0);
}

async function* framed(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    yield encodeInt(piece.length);
    yield piece;
  }
}

async function* inflated(
  payload: AsyncIterable<Buffer>,
  source: ByteSource,
  compression: InnerCompression,
): AsyncGenerator<Buffer> {
  const options = { chunkSize: chunkBytes };
  const inflate: Transform = compression === 'zstd' ? createZstdDecompress(options) : createInflate(options);
  const feeding = pipeline(payload, inflate);
  feeding.catch(() => undefined);
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) {
      yield piece;
    }
    await feeding;
  } catch (error) {
    throw error instanceof AppError
      ? error
      : damagedAt(source.offset, `the compressed data before it can't be read (${(error as Error).message})`);
  }
}

async function* payloadOf(source: ByteSource): AsyncGenerator<Buffer> {
  for (;;) {
    const length = await source.exactly(intBytes);
    if (length[0] !== 0) {
      throw damagedAt(source.offset, 'a length is impossible');
    }
    let left = length.readUInt32LE(1);
    if (left === 0) {
      return;
    }
    while (left > 0) {
      const piece = await source.upTo(left);
      left -= piece.length;
      yield piece;
    }
  }
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

function encodeInt(value: number): Buffer {
  const bytes = Buffer.alloc(intBytes);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}

function damagedAt(offset: number, what: string): AppError {
  return new AppError('FILE_CORRUPTION', `The archive is damaged at offset ${offset}: ${what}.`);
}

/** Bytes as they are asked for, out of chunks as they come. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  /** How far the archive has been taken. */
  offset = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Whatever comes next; null at the end. */
  async next(): Promise<Buffer | null> {
    if (this.#rest.length > 0) {
      return this.#take(this.#rest.length);
    }
    const { done, value } = await this.#chunks.next();
    if (done === true) {
      return null;
    }
    this.offset += value.length;
    return value;
  }

  giveBack(rest: Buffer): void {
    this.offset -= rest.length;
    this.#rest = rest;
  }

  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) {
        return false;
      }
      this.#rest = value;
    }
    return true;
  }

  async upTo(count: number): Promise<Buffer> {
    if (!(await this.hasMore())) {
      throw damagedAt(this.offset, 'it is cut short');
    }
    return this.#take(Math.min(count, this.#rest.length));
  }

  async exactly(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const piece = await this.upTo(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  #take(count: number): Buffer {
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    this.offset += count;
    return taken;
  }
}
