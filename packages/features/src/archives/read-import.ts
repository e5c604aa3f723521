/** Reads a dump that was made elsewhere as pg_dump would have given it to us: unwrapped, and uncompressed inside. */
import { PassThrough } from 'node:stream';
import type { BackupFormat, CompressionType } from '@holdfast/contracts/backups';
import { inflateArchive } from '@holdfast/platform/archive/inflate-archive';
import type { InnerCompression } from '@holdfast/platform/archive/archive-header';
import { ReplayScript } from '@holdfast/platform/archive/replay-script';
import { ChecksumMeter, type Checksums } from '@holdfast/platform/bytes/checksums';
import { decodeStream, type DecodedArchive } from './open-decoded.ts';
import { openStored, type StoredSource } from './stored-source.ts';

export interface ImportSource {
  readonly source: StoredSource;
  readonly format: BackupFormat;
  /** Around the whole file. */
  readonly wrapping: CompressionType;
  readonly innerCompression: InnerCompression;
}

export interface ImportReading {
  readonly stream: AsyncIterable<Buffer>;
  /** Of the file as it lies there; settles when it has been read to its end. */
  readonly origin: Promise<Checksums>;
  /** Ends everything, wherever it is; harmless twice. */
  close(): Promise<void>;
}

export function readImport(source: ImportSource): ImportReading {
  let settle: (checksums: Checksums) => void = () => undefined;
  const origin = new Promise<Checksums>((resolve) => {
    settle = resolve;
  });
  const open: { decoded: DecodedArchive | null } = { decoded: null };
  return {
    origin,
    stream: convert(source, unwrapped(source, { open, settle })),
    close: async () => await open.decoded?.close(),
  };
}

interface Reading {
  readonly open: { decoded: DecodedArchive | null };
  readonly settle: (checksums: Checksums) => void;
}

async function* unwrapped(
  { source, wrapping }: ImportSource,
  { open, settle }: Reading,
): AsyncGenerator<Buffer> {
  const meter = new ChecksumMeter();
  const stored = await openStored(source);
  const metered = new PassThrough({
    transform: (chunk: Buffer, _encoding, done) => {
      meter.update(chunk);
      done(null, chunk);
    },
  });
  stored.on('error', (error) => metered.destroy(error));
  metered.on('close', () => stored.destroy());
  const decoded = await decodeStream(stored.pipe(metered), { compression: wrapping, encryption: null });
  open.decoded = decoded;
  try {
    for await (const chunk of decoded.stream as AsyncIterable<Buffer>) {
      yield chunk;
    }
    await decoded.finish();
    settle(meter.finish());
  } finally {
    await decoded.close();
  }
}

function convert(
  { format, innerCompression }: ImportSource,
  chunks: AsyncIterable<Buffer>,
): AsyncIterable<Buffer> {
  if (format === 'plain') {
    return onlyHarmless(chunks);
  }
  return innerCompression === 'none' ? chunks : inflateArchive(chunks);
}

/** Refuses now what a restore would refuse later: commands of psql, and what acts on the transaction. */
async function* onlyHarmless(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const judge = new ReplayScript(
    { withOwners: true, skippedEntries: [], restrictKey: null },
    () => undefined,
  );
  judge.start();
  for await (const chunk of chunks) {
    judge.write(chunk);
    yield chunk;
  }
  judge.end();
}
