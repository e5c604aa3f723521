/** A dump in directory format as one tar stream: `toc.dat` first, then what it speaks of in the order of the format tar. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import { encodeTarHeader, tarBlockBytes } from './tar-header.ts';

const readChunkBytes = 256 * 1024;
const endMark = Buffer.alloc(2 * tarBlockBytes);
const nothing = 'This is no dump in directory format: it has no table of contents.';

/** @throws AppError FILE_CORRUPTION where a file shrank or grew meanwhile, or none is `toc.dat` */
export async function* packFolder(folder: string): AsyncGenerator<Buffer> {
  const names = await namesInOrder(folder);
  if (names[0] !== 'toc.dat') {
    throw new AppError('FILE_CORRUPTION', nothing);
  }
  for (const name of names) {
    yield* packFile(path.join(folder, name), name);
  }
  yield endMark;
}

/** Lists of large objects come behind the objects, in the order of their lines, so that a reader can compare them as they pass. */
async function namesInOrder(folder: string): Promise<string[]> {
  const names = new Set(await readdir(folder));
  const lists = [...names].filter((name) => /^blobs(_\d+)?\.toc$/.test(name)).sort(byNumber);
  const ordered: string[] = [];
  for (const list of lists) {
    for await (const line of linesOf(path.join(folder, list))) {
      const object = line.slice(line.indexOf(' ') + 1);
      names.delete(object);
      ordered.push(object);
    }
    names.delete(list);
    ordered.push(list);
  }
  const isHead = names.delete('toc.dat');
  return [...(isHead ? ['toc.dat'] : []), ...[...names].sort(byNumber), ...ordered];
}

async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1' }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function byNumber(left: string, right: string): number {
  const [first, second] = [left, right].map((name) => Number(/\d+/.exec(name)?.[0] ?? 0)) as [number, number];
  return first - second;
}

async function* packFile(file: string, name: string): AsyncGenerator<Buffer> {
  const { size } = await stat(file);
  yield encodeTarHeader({ name, sizeBytes: size });
  let left = size;
  for await (const chunk of createReadStream(file, {
    highWaterMark: readChunkBytes,
  }) as AsyncIterable<Buffer>) {
    left -= chunk.length;
    if (left < 0) {
      break;
    }
    yield chunk;
  }
  if (left !== 0) {
    throw new AppError('FILE_CORRUPTION', `"${name}" of the dump has another size than before.`);
  }
  const padding = (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes;
  if (padding > 0) {
    yield Buffer.alloc(padding);
  }
}
