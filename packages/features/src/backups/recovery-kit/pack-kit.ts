/** Packs the files of a kit as one tar.gz, in a folder of its own. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { encodeTarHeader, tarBlockBytes } from '@holdfast/platform/archive/tar-header';
import type { KitFile } from './kit-files.ts';

const compress = promisify(gzip);

/** `folder`: of safe characters and short, as a tar's plain names want it. */
export async function packKit(folder: string, files: readonly KitFile[]): Promise<Buffer> {
  const blocks = files.flatMap(({ name, text }) => {
    const bytes = Buffer.from(text);
    const padding = (tarBlockBytes - (bytes.length % tarBlockBytes)) % tarBlockBytes;
    return [
      encodeTarHeader({ name: `${folder}/${name}`, sizeBytes: bytes.length }),
      bytes,
      Buffer.alloc(padding),
    ];
  });
  return await compress(Buffer.concat([...blocks, Buffer.alloc(2 * tarBlockBytes)]));
}
