/** Archives compressed inside, made by the real pg_dump: inflated they are what pg_dump writes uncompressed; damage is found. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AppError } from '@holdfast/contracts/errors';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { createTestDatabase, type TestDatabase } from '@holdfast/testkit/databases';
import { ArchiveInspector } from './archive-inspector.ts';
import type { ArchiveContents } from './contents.ts';
import { inflateArchive } from './inflate-archive.ts';

jest.setTimeout(60_000);
const run = promisify(execFile);

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

async function inflate(bytes: Buffer, size = 64 * 1024): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of inflateArchive(cut(bytes, size))) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Where chunks begin and end plays no part, nor when it was dumped. */
async function inspect(
  bytes: Buffer,
): Promise<Pick<ArchiveContents, 'tables' | 'largeObjects' | 'sequences'>> {
  const inspector = await ArchiveInspector.create();
  inspector.write(bytes);
  const { tables, largeObjects, sequences } = inspector.end();
  return { tables, largeObjects, sequences };
}

describe('inflateArchive', () => {
  let folder: string;
  let binDir: string;
  let database: TestDatabase;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(process.env['HOLDFAST_TEST_FOLDER'] as string, 'inflate-'));
    binDir = (await findPrograms())?.postgresBinDir as string;
    database = await createTestDatabase('template0');
    await database.query(`CREATE TABLE words (id serial PRIMARY KEY, body text)`);
    await database.query(`INSERT INTO words (body) SELECT md5(n::text) FROM generate_series(1, 3000) n`);
    await database.query(`CREATE TABLE nothing (id int)`);
    await database.query(`SELECT lo_from_bytea(7, 'an object'), lo_create(8)`);
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function dump(level: number): Promise<Buffer> {
    const file = path.join(folder, `level-${level}`);
    await run(`${binDir}/pg_dump`, ['-Fc', `-Z${level}`, `--file=${file}`, database.url]);
    return await readFile(file);
  }

  it.each([[1], [9]])(
    'makes of level %d what was never compressed, however the bytes come',
    async (level) => {
      const compressed = await dump(level);
      const found = await inspect(await inflate(compressed));
      expect(await inspect(await inflate(compressed, 777))).toEqual(found);
      expect(found).toEqual(await inspect(await dump(0)));
      expect(found).toMatchObject({ largeObjects: { count: 2, bytes: 9 } });
    },
  );

  it('gives an archive that pg_restore reads to its end, from a file and from a pipe', async () => {
    const file = path.join(folder, 'inflated');
    await writeFile(file, await inflate(await dump(6)));
    const { stdout } = await run(`${binDir}/pg_restore`, ['--file=-', file], { maxBuffer: 2 ** 26 });
    const { stdout: piped } = await run(
      '/bin/sh',
      ['-c', `"$0" --file=- <"$1"`, `${binDir}/pg_restore`, file],
      {
        maxBuffer: 2 ** 26,
      },
    );
    const body = (text: string): string => text.replaceAll(/^\\(un)?restrict .*$/gm, '');
    expect(body(piped)).toBe(body(stdout));
    expect(stdout.split('\n').filter((line) => /^\d+\t[0-9a-f]{32}$/.test(line))).toHaveLength(3000);
  });

  it('finds it out where the compressed data is cut short or any bit of it is another', async () => {
    const bytes = await dump(6);
    const right = await inspect(await inflate(bytes));
    const damaged = async (copy: Buffer): Promise<unknown> =>
      await inflate(copy)
        .then(inspect)
        .catch((error: unknown) => error);
    for (const size of [bytes.length - 1, bytes.length - 500, 3000, 20, 0]) {
      expect(await damaged(bytes.subarray(0, size))).toBeInstanceOf(AppError);
    }
    for (let flip = 0; flip < 60; flip += 1) {
      const copy = Buffer.from(bytes);
      // Behind the table of contents, where the rows are.
      const at = bytes.length - 1 - Math.floor((flip * (bytes.length / 2)) / 60);
      copy[at] = (copy[at] as number) ^ (1 << (flip % 8));
      expect([at, await damaged(copy)]).not.toEqual([at, right]);
    }
  });

  it('refuses what is compressed with lz4, and says what to do', async () => {
    const bytes = await dump(0);
    // As version 1.15 says it: one byte for the algorithm where 1.14 has an int.
    const lz4 = Buffer.concat([bytes.subarray(0, 11), Buffer.from([2]), bytes.subarray(16)]);
    lz4[6] = 15;
    await expect(inflate(lz4)).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      remediation: expect.stringContaining('--compress=gzip'),
    });
  });
});
