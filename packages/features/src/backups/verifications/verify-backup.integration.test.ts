/** No damage passes: single bits anywhere, each region, and every way a file can be another one. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CompressionType } from '@holdfast/contracts/backups';
import { Keyring } from '@holdfast/platform/bytes/keyring';
import { systemClock } from '@holdfast/platform/clock';
import { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { createDataSource } from '@holdfast/platform/db/data-source';
import { findClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { pgRestoreReadCommand } from '@holdfast/platform/pgtools/pg-restore';
import type { ToolCommand } from '@holdfast/platform/process/run-tool';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import fc from 'fast-check';
import { verifyStored } from '../../archives/index.ts';
import { StorageTargets } from '../../storage/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { type CompletedBackup, findCompletedBackup } from '../find-completed-backup.ts';
import { manifestPath } from '../stored-files.ts';
import { storedArchive } from '../stored-archive.ts';
import { verifyBackup } from './verify-backup.ts';

jest.setTimeout(240_000);

const flips = 200;
const headerBytes = 24;

describe('verifying', () => {
  const secretKey = randomBytes(32).toString('hex');
  let stack: TestStack;
  let read: ToolCommand;
  const backups = {} as Record<CompressionType, CompletedBackup>;
  const untouched = {} as Record<CompressionType, Buffer>;

  const storedAt = (backup: CompletedBackup) => path.join(stack.storageDir, backup.filePath);

  /** The worker's own code, in this process: starting an operation for each of hundreds would only cost time. */
  const verify = async (backup: CompletedBackup, reader = read) => {
    const storage = new StorageTargets({ endpoint: null, region: 'us-east-1' });
    return await verifyBackup(
      {
        storage,
        secrets: new SecretBox(secretKey),
        clock: systemClock,
        read: async () =>
          verifyStored(
            { archive: await storedArchive({ storage, keyring: new Keyring(null) }, backup), read: reader },
            { signal: new AbortController().signal, report: () => undefined },
          ),
      },
      backup,
    );
  };

  const backUp = async (client: TestClient, compressionType: CompressionType): Promise<void> => {
    const { id } = await stack.backUp(client, { compressionType });
    const source = createDataSource({
      url: stack.metadata.url,
      entities: [BackupEntity],
      applicationName: 'test',
    });
    await source.initialize();
    backups[compressionType] = await findCompletedBackup(source.manager, id);
    await source.destroy();
    untouched[compressionType] = await readFile(storedAt(backups[compressionType]));
  };

  beforeAll(async () => {
    stack = await TestStack.create({ target: 'template0', env: { HOLDFAST_SECRET_KEY: secretKey } });
    await stack.target?.query(
      `CREATE TABLE notes (id int PRIMARY KEY, body text);
       INSERT INTO notes SELECT n, md5(n::text) FROM generate_series(1, 300) n;
       CREATE TABLE empty (id serial PRIMARY KEY)`,
    );
    const { client } = await stack.startApi();
    await stack.startWorker();
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      await backUp(client, compression);
    }
    const [newest] = await findClientPrograms([]);
    read = pgRestoreReadCommand(newest as NonNullable<typeof newest>, 'custom');
  });
  afterAll(async () => await stack.destroy());
  beforeEach(async () => {
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      const file = storedAt(backups[compression]);
      await rm(file, { recursive: true, force: true });
      await writeFile(file, untouched[compression]);
    }
  });

  it.each(['none', 'gzip', 'zstd'] as const)('an untouched backup (%s) compares everything', async (type) => {
    expect(await verify(backups[type])).toMatchObject({
      sizeBytes: untouched[type].length,
      sha256: backups[type].checksumSha256,
      tablesCompared: 2,
      rowsCompared: 300,
    });
  });

  it(`${flips} random single bits, anywhere in the file: none passes`, async () => {
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('none', 'gzip', 'zstd'),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(7),
        async (type, place, bit) => {
          const bytes = Buffer.from(untouched[type]);
          const at = Math.floor(place * bytes.length);
          bytes[at] = (bytes[at] as number) ^ (1 << bit);
          await writeFile(storedAt(backups[type]), bytes);
          await expect(verify(backups[type])).rejects.toMatchObject({
            code: 'FILE_CORRUPTION',
            message: expect.stringMatching(
              new RegExp(
                `^${backups[type].filename}: .*(offset \\d+|public\\.\\w+|(behind|after) \\d+ bytes)`,
                's',
              ),
            ),
          });
          passed += 1;
        },
      ),
      { numRuns: flips },
    );
    expect(passed).toBe(flips);
  });

  it('any bit of its first bytes: none passes, and the place is named', async () => {
    let found = 0;
    for (let at = 0; at < headerBytes; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bytes = Buffer.from(untouched.none);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        await writeFile(storedAt(backups.none), bytes);
        await expect(verify(backups.none)).rejects.toMatchObject({
          code: 'FILE_CORRUPTION',
          message: expect.stringMatching(/offset \d+/),
        });
        found += 1;
      }
    }
    expect(found).toBe(8 * headerBytes);
  });

  /** Where in the uncompressed archive each region lies. */
  const regions = (): Record<string, { at: number; names: RegExp }> => {
    const raw = untouched.none;
    const row = raw.indexOf('\t202cb962ac59075b964b07152d234b70\n');
    return {
      'the magic at the start': { at: 2, names: /offset 5/ },
      'the header': { at: 20, names: /before offset \d+/ },
      'the table of contents': {
        at: raw.indexOf('CREATE TABLE public.notes') + 3,
        names: /before offset \d+/,
      },
      'a row': { at: row + 5, names: /public\.notes \(digest/ },
      'the length of a block': {
        at: raw.indexOf('1\tc4ca4238a0b923820dcc509a6f75849b\n') - 4,
        names: /public\.notes|offset/,
      },
      'the very end': { at: raw.length - 1, names: /offset \d+|after \d+ bytes/ },
    };
  };

  it.each([
    'the magic at the start',
    'the header',
    'the table of contents',
    'a row',
    'the length of a block',
    'the very end',
  ])('a bit flipped in %s is found, and the place is named', async (region) => {
    const { at, names } = regions()[region] as { at: number; names: RegExp };
    const bytes = Buffer.from(untouched.none);
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(storedAt(backups.none), bytes);
    await expect(verify(backups.none)).rejects.toMatchObject({
      code: 'FILE_CORRUPTION',
      message: expect.stringMatching(names),
    });
  });

  it.each<[string, (file: string) => Promise<void>, string, RegExp]>([
    [
      'its end cut off',
      (file) => truncate(file, untouched.zstd.length - 50),
      'FILE_CORRUPTION',
      /behind \d+ bytes/,
    ],
    ['all but its first bytes cut off', (file) => truncate(file, 3), 'FILE_CORRUPTION', /behind 0 bytes/],
    ['nothing in it', (file) => truncate(file, 0), 'FILE_CORRUPTION', /behind 0 bytes|after 0 bytes/],
    ['bytes added', (file) => writeFile(file, 'x', { flag: 'a' }), 'FILE_CORRUPTION', /behind \d+ bytes/],
    ['the file of another backup', (file) => cp(storedAt(backups.gzip), file), 'FILE_CORRUPTION', /SHA-256/],
    [
      'its own uncompressed archive',
      (file) => writeFile(file, zstdDecompressSync(untouched.zstd)),
      'FILE_CORRUPTION',
      /behind 0 bytes/,
    ],
    ['no file', (file) => rm(file), 'BACKUP_NOT_FOUND', /\.dump\.zst/],
    [
      'a link to the right bytes',
      async (file) => {
        await cp(file, `${file}.real`);
        await rm(file);
        await symlink(`${file}.real`, file);
      },
      'BACKUP_NOT_FOUND',
      /\.dump\.zst/,
    ],
    [
      'a folder',
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
      'BACKUP_NOT_FOUND',
      /\.dump\.zst/,
    ],
  ])('with %s it is refused', async (_what, damage, code, names) => {
    await damage(storedAt(backups.zstd));
    await expect(verify(backups.zstd)).rejects.toMatchObject({ code, message: expect.stringMatching(names) });
  });

  it('pg_restore that crashes over it condemns the file, pg_restore that somebody ended says nothing of it', async () => {
    const endsBy = (signal: string): ToolCommand => ({
      ...read,
      program: '/bin/sh',
      args: ['-c', `kill -${signal} $$`],
    });
    await expect(verify(backups.zstd, endsBy('SEGV'))).rejects.toMatchObject({
      code: 'FILE_CORRUPTION',
      message: expect.stringContaining('it crashed (SIGSEGV)'),
    });
    await expect(verify(backups.zstd, endsBy('KILL'))).rejects.toMatchObject({ code: 'TOOL_FAILED' });
    // Whatever becomes of a program that is given damaged bytes, the damage is the cause.
    await truncate(storedAt(backups.zstd), untouched.zstd.length - 50);
    for (const signal of ['SEGV', 'KILL']) {
      await expect(verify(backups.zstd, endsBy(signal))).rejects.toMatchObject({
        code: 'FILE_CORRUPTION',
        message: expect.stringContaining('It could not be decompressed'),
      });
    }
  });

  it('a backup whose catalogue and file were both exchanged for another one is known by its manifest', async () => {
    const other = {
      ...backups.zstd,
      checksumMd5: backups.gzip.checksumMd5,
      checksumSha256: backups.gzip.checksumSha256,
    };
    await cp(storedAt(backups.gzip), storedAt(backups.zstd));
    await expect(verify(other)).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
  });

  it('the manifest beside it: any bit of it, none, another, an unsigned one', async () => {
    const file = path.join(stack.storageDir, manifestPath(backups.zstd.filePath));
    const right = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(right.length - 1), fc.nat(7), async (at, bit) => {
        const bytes = Buffer.from(right);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        await writeFile(file, bytes);
        await expect(verify(backups.zstd)).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
      }),
      { numRuns: 100 },
    );
    const signed = JSON.parse(right.toString()) as { manifest: { tables: { rows: number }[] } };
    (signed.manifest.tables[0] as { rows: number }).rows += 1;
    for (const wrong of [
      JSON.stringify(signed),
      await readFile(path.join(stack.storageDir, manifestPath(backups.gzip.filePath))),
      '',
      '{}',
    ]) {
      await writeFile(file, wrong);
      await expect(verify(backups.zstd)).rejects.toMatchObject({ code: 'FILE_CORRUPTION' });
    }
    await rm(file);
    await expect(verify(backups.zstd)).rejects.toMatchObject({
      code: 'FILE_CORRUPTION',
      message: expect.stringContaining('missing'),
    });
    await writeFile(file, right);
    await verify(backups.zstd);
  });
});
