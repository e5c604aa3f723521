/** A backup through API and worker beside `pg_dump -Fc` and beside the fastest pipeline made by hand, interleaved in one run. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BackupView } from '@holdfast/contracts/backups';
import { loadDemoForum, parseDemoSize } from '@holdfast/demo';
import { ArchiveInspector } from '@holdfast/platform/archive/archive-inspector';
import { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { PrivateRedis } from '@holdfast/platform/instances/private-redis';
import { ensurePrograms } from '@holdfast/platform/instances/programs';
import { findServiceAccount, reachableFolder } from '@holdfast/platform/instances/service-account';
import { makeMetadataTemplate } from '@holdfast/testkit/metadata-template';
import type { TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';
import {
  cpuSecondsOf,
  peakMemoryOf,
  resetPeakMemory,
  runPipeline,
  type Spread,
  spreadOf,
} from './measure.ts';

interface Sample {
  readonly wallSeconds: number;
  /** Clients, worker and server together. */
  readonly cpuSeconds: number;
  readonly storedBytes: number;
  readonly workerPeakBytes: number | null;
}

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1GB' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const print = (line = ''): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-bench-'));
  await chmod(folder, 0o755);
  const programs = await ensurePrograms(print);
  const account = await findServiceAccount();
  const postgres = new PrivatePostgres({
    folder: await reachableFolder(path.join(folder, 'postgres'), account),
    binDir: programs.postgresBinDir,
    account,
    settings: { shared_buffers: '512MB' },
  });
  const redis = new PrivateRedis({
    folder: await reachableFolder(path.join(folder, 'redis'), account),
    program: programs.redisServer,
    account,
  });
  try {
    await postgres.start();
    await redis.start();
    await compare({ folder, postgres, redis, binDir: programs.postgresBinDir });
  } finally {
    await postgres.stop('immediate');
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bench {
  readonly folder: string;
  readonly postgres: PrivatePostgres;
  readonly redis: PrivateRedis;
  readonly binDir: string;
}

async function compare(bench: Bench): Promise<void> {
  const { folder, postgres, redis, binDir } = bench;
  process.env['HOLDFAST_TEST_POSTGRES_URL'] = postgres.url('postgres');
  process.env['HOLDFAST_TEST_REDIS_URL'] = redis.url;
  process.env['HOLDFAST_TEST_FOLDER'] = folder;
  await makeMetadataTemplate(postgres);
  for (const [name, targetBytes] of [
    ['small', parseDemoSize('50MB')],
    ['large', parseDemoSize(values.size)],
  ] as const) {
    await postgres.createDatabase(name);
    const loaded = await loadDemoForum({ connectionString: postgres.url(name), targetBytes });
    print(`database "${name}": ${mb(loaded.databaseBytes)} MB on disk, ${loaded.rows} rows`);
  }
  const serverPid = (
    JSON.parse(await readFile(path.join(postgres.dataDir, '..', 'pid.json'), 'utf8')) as { pid: number }
  ).pid;
  const measured = async (
    work: () => Promise<Omit<Sample, 'cpuSeconds'> & { clientCpuSeconds: number }>,
  ): Promise<Sample> => {
    const before = await cpuSecondsOf(serverPid);
    const { clientCpuSeconds, ...rest } = await work();
    return { ...rest, cpuSeconds: clientCpuSeconds + (await cpuSecondsOf(serverPid)) - before };
  };
  const byHand = (script: string) =>
    measured(async () => {
      const file = path.join(folder, 'by-hand');
      const { wallSeconds, cpuSeconds } = await runPipeline(`${script} > ${file} && sync ${file}`, {
        DB: postgres.url('large'),
        DUMP: `${binDir}/pg_dump`,
      });
      const storedBytes = (await stat(file)).size;
      await rm(file);
      return { wallSeconds, clientCpuSeconds: cpuSeconds, storedBytes, workerPeakBytes: null };
    });

  const small = await startStack(bench, 'small');
  const smallPeak = (await measured(() => backUp(small, 'zstd'))).workerPeakBytes;
  await small.stack.destroy();
  const large = await startStack(bench, 'large');
  const pipelines: Record<string, () => Promise<Sample>> = {
    'pg_dump -Fc': () => byHand('"$DUMP" -Fc "$DB"'),
    'pg_dump -Fc -Z0 | zstd -3 -T2': () => byHand('"$DUMP" -Fc -Z0 "$DB" | zstd -q -3 -T2'),
    'holdfast, zstd': () => measured(() => backUp(large, 'zstd')),
    'holdfast, gzip': () => measured(() => backUp(large, 'gzip')),
  };
  const samples: Record<string, Sample[]> = Object.fromEntries(
    Object.keys(pipelines).map((name) => [name, []]),
  );
  const rounds = Number(values.rounds);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, run] of Object.entries(pipelines)) {
      samples[name]?.push(await run());
    }
    print(`round ${round} of ${rounds} done`);
  }
  const parts = await costOfParts(bench, large);
  await large.stack.destroy();
  report(samples, parts, smallPeak);
}

interface RunningStack {
  readonly stack: TestStack;
  readonly client: TestClient;
  readonly worker: TestProcess;
}

async function startStack({ postgres }: Bench, database: string): Promise<RunningStack> {
  const stack = await TestStack.create({
    targetUrl: postgres.url(database),
    isBuilt: true,
    env: { HOLDFAST_LEASE_SECONDS: '30', HOLDFAST_RECONCILE_SECONDS: '5', LOG_LEVEL: 'warn' },
  });
  const { client } = await stack.startApi({ LOG_LEVEL: 'info' });
  const worker = await stack.startWorker({ LOG_LEVEL: 'info' });
  return { stack, client, worker };
}

/** From the request to the completed row: queueing, pipeline, re-reading and publishing included. */
async function backUp(
  { stack, client, worker }: RunningStack,
  compressionType: 'zstd' | 'gzip',
): Promise<Omit<Sample, 'cpuSeconds'> & { clientCpuSeconds: number }> {
  await resetPeakMemory(worker.pid);
  const cpuBefore = await cpuSecondsOf(worker.pid);
  const startedMs = performance.now();
  const backup: BackupView = await stack.backUp(client, { compressionType });
  const wallSeconds = (performance.now() - startedMs) / 1000;
  if (backup.status !== 'completed') {
    throw new Error(`the backup ${backup.status}: ${backup.errorMessage}`);
  }
  return {
    wallSeconds,
    clientCpuSeconds: (await cpuSecondsOf(worker.pid)) - cpuBefore,
    storedBytes: backup.fileSize,
    workerPeakBytes: await peakMemoryOf(worker.pid),
  };
}

/** CPU seconds of what Holdfast adds to the pipeline made by hand, each alone over the same bytes. */
async function costOfParts(
  { folder, postgres, binDir }: Bench,
  { stack }: RunningStack,
): Promise<Record<string, number>> {
  const raw = path.join(folder, 'raw');
  await runPipeline(`"$DUMP" -Fc -Z0 "$DB" > ${raw}`, {
    DB: postgres.url('large'),
    DUMP: `${binDir}/pg_dump`,
  });
  const [storedFile] = (await stack.storedFiles()).filter((file) => file.endsWith('.zst'));
  const stored = path.join(stack.storageDir, storedFile as string);
  const inspector = await ArchiveInspector.create();
  const [md5, sha256, again] = [createHash('md5'), createHash('sha256'), createHash('sha256')];
  const inspecting = await cpuOf(raw, (chunk) => inspector.write(chunk));
  inspector.end();
  await rm(raw);
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

function report(
  samples: Record<string, Sample[]>,
  parts: Record<string, number>,
  smallPeak: number | null,
): void {
  const [first, byHand] = Object.values(samples) as [Sample[], Sample[]];
  const ratios = (of: Sample[], to: Sample[], figure: 'wallSeconds' | 'cpuSeconds'): Spread =>
    spreadOf(of.map((sample, round) => sample[figure] / (to[round]?.[figure] ?? Number.NaN)));
  print(
    '\npipeline                          wall s  CPU s  stored MB  wall/-Fc           wall/by hand       CPU/by hand        worker MB',
  );
  const rows = Object.entries(samples).map(([name, of]) => {
    const peaks = of.flatMap((sample) => sample.workerPeakBytes ?? []);
    const row = {
      name,
      wallSeconds: spreadOf(of.map((sample) => sample.wallSeconds)),
      cpuSeconds: spreadOf(of.map((sample) => sample.cpuSeconds)),
      storedBytes: of[0]?.storedBytes ?? 0,
      wallToPgDump: ratios(of, first, 'wallSeconds'),
      wallToByHand: ratios(of, byHand, 'wallSeconds'),
      cpuToByHand: ratios(of, byHand, 'cpuSeconds'),
      workerPeakBytes: peaks.length === 0 ? null : Math.max(...peaks),
    };
    print(
      [
        name.padEnd(32),
        row.wallSeconds.median.toFixed(1).padStart(7),
        row.cpuSeconds.median.toFixed(1).padStart(6),
        mb(row.storedBytes).padStart(10),
        spread(row.wallToPgDump),
        spread(row.wallToByHand),
        spread(row.cpuToByHand),
        row.workerPeakBytes === null ? '' : mb(row.workerPeakBytes),
      ].join('  '),
    );
    return row;
  });
  print('\nwhat Holdfast adds, CPU seconds of each part alone');
  for (const [name, seconds] of Object.entries(parts)) {
    print(`  ${name.padEnd(54)} ${seconds.toFixed(2)}`);
  }
  print(`\npeak worker memory with a 50 MB database: ${smallPeak === null ? 'unknown' : mb(smallPeak)} MB`);
  if (values.json !== undefined) {
    void writeFile(
      values.json,
      JSON.stringify(
        { size: values.size, rounds: Number(values.rounds), rows, parts, smallPeakBytes: smallPeak },
        null,
        2,
      ),
    );
  }
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
const spread = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`.padEnd(17);

// Processes under test hold no event loop open.
const alive = setInterval(() => undefined, 60_000);
await main();
clearInterval(alive);
