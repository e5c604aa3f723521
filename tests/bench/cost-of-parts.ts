/** What Holdfast adds to a pipeline made by hand, each part alone over the same bytes. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';

export interface StoredTwice {
  /** A file with the archive as pg_dump writes it, in custom format without compression. */
  readonly raw: string;
  /** The same, as Holdfast stored it. */
  readonly stored: string;
}

/** In CPU seconds. */
export async function costOfParts({ raw, stored }: StoredTwice): Promise<Record<string, number>> {
  const inspector = await ArchiveInspector.create();
  const [md5, sha256, again] = [createHash('md5'), createHash('sha256'), createHash('sha256')];
  const inspecting = await cpuOf(raw, (chunk) => inspector.write(chunk));
  inspector.end();
  const rereading = await cpuOf(stored, (chunk) => again.update(chunk));
  return {
    'inspector: rows, bytes and digests of the raw stream': inspecting.using,
    'MD5 of the stored bytes': (await cpuOf(stored, (chunk) => md5.update(chunk))).using,
    'SHA-256 of the stored bytes': (await cpuOf(stored, (chunk) => sha256.update(chunk))).using,
    'reading the stored bytes again, with SHA-256': rereading.total,
  };
}

/** `using`: of the calls alone; `total`: with the reading. */
async function cpuOf(
  file: string,
  use: (chunk: Buffer) => unknown,
): Promise<{ using: number; total: number }> {
  const started = process.cpuUsage();
  let using = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 64 * 1024 }) as AsyncIterable<Buffer>) {
    // The calls never wait, and the thread's own CPU clock is too coarse for calls this short.
    const beforeMs = performance.now();
    use(chunk);
    using += (performance.now() - beforeMs) / 1000;
  }
  const { user, system } = process.cpuUsage(started);
  return { using, total: (user + system) / 1e6 };
}
