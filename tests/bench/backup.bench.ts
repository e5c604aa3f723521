/** Backups through API and worker in every format, each beside the best pipeline made by hand, interleaved in one run. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import { loadDemoForum, parseDemoSize } from '@holdfast/demo';
import { findPrograms } from '@holdfast/platform/instances/programs';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';
import { createAgeKey } from '@holdfast/testkit/age-keys';
import type { TestClient } from '@holdfast/testkit/test-client';
import type { TestProcess } from '@holdfast/testkit/test-process';
import { TestStack } from '@holdfast/testkit/test-stack';
import {
  type BenchFormat,
  benchFormats,
  type Compressing,
  encryptedPairing,
  type Pairing,
  pairingsOf,
  usualDump,
} from './backup-pipelines.ts';
import { type BackupFigures, printReport, type Sample, summarize } from './backup-report.ts';
import { type BenchServices, withBenchServices } from './bench-services.ts';
import { costOfParts } from './cost-of-parts.ts';
import { cpuSecondsOf, peakMemoryOf, resetPeakMemory, runPipeline } from './measure.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1GB' },
    rounds: { type: 'string', default: '5' },
    formats: { type: 'string', default: benchFormats.join(',') },
    json: { type: 'string' },
  },
});
const print = (line = ''): void => void process.stdout.write(`${line}\n`);

/** As the worker compresses on this machine. */
const compressing: Compressing = { level: 3, threads: Math.min(availableParallelism(), 4) };

function chosenFormats(): BenchFormat[] {
  return values.formats.split(',').map((name) => {
    const format = benchFormats.find((known) => known === name.trim());
    if (format === undefined) {
      throw new Error(`"${name}" is none of the formats ${benchFormats.join(', ')}.`);
    }
    return format;
  });
}

async function compare(services: BenchServices, formats: readonly BenchFormat[]): Promise<void> {
  const { postgres } = services;
  for (const [name, targetBytes] of [
    ['small', parseDemoSize('50MB')],
    ['large', parseDemoSize(values.size)],
  ] as const) {
    await postgres.createDatabase(name);
    const loaded = await loadDemoForum({ connectionString: postgres.url(name), targetBytes });
    print(`database "${name}": ${(loaded.databaseBytes / 1e6).toFixed(0)} MB on disk, ${loaded.rows} rows`);
  }
  const bench = await Bench.create(services);
  const key = await createAgeKey();
  const small = await startStack(postgres, 'small', key.identity);
  const smallPeakBytes = (await bench.holdfast(small, { compressionType: 'zstd' })).workerPeakBytes;
  await small.stack.destroy();
  const large = await startStack(postgres, 'large', key.identity);
  try {
    const figures = await measure(bench, large, { formats, recipient: key.recipient, smallPeakBytes });
    printReport(figures, print);
    if (values.json !== undefined) {
      await writeFile(values.json, JSON.stringify({ ...figures, ...summarize(figures) }, null, 2));
    }
  } finally {
    await large.stack.destroy();
  }
}

interface MeasureOptions {
  readonly formats: readonly BenchFormat[];
  readonly recipient: string;
  readonly smallPeakBytes: number | null;
}

async function measure(
  bench: Bench,
  running: RunningStack,
  { formats, recipient, smallPeakBytes }: MeasureOptions,
): Promise<BackupFigures> {
  const rounds = Number(values.rounds);
  const hasCustom = formats.includes('custom');
  const pairings = [
    ...pairingsOf(formats, compressing),
    ...(hasCustom ? [encryptedPairing(compressing, recipient)] : []),
  ];
  const usual: Sample[] = [];
  const measured = pairings.map(({ name, shown }) => ({
    name,
    shown,
    byHand: [] as Sample[],
    holdfast: [] as Sample[],
  }));
  for (let round = 1; round <= rounds; round += 1) {
    usual.push(await bench.byHand(usualDump));
    for (const [index, pairing] of pairings.entries()) {
      measured[index]?.byHand.push(await bench.byHand(pairing));
      measured[index]?.holdfast.push(await bench.holdfast(running, pairing.input));
    }
    print(`round ${round} of ${rounds} done`);
  }
  return {
    size: values.size,
    rounds,
    usual: { name: usualDump.name, samples: usual },
    pairs: hasCustom ? measured.slice(0, -1) : measured,
    encrypted: hasCustom ? (measured.at(-1) ?? null) : null,
    parts: hasCustom ? await bench.parts(running) : null,
    smallPeakBytes,
  };
}

interface RunningStack {
  readonly stack: TestStack;
  readonly client: TestClient;
  readonly worker: TestProcess;
}

async function startStack(
  postgres: PrivatePostgres,
  database: string,
  identity: string,
): Promise<RunningStack> {
  const stack = await TestStack.create({
    targetUrl: postgres.url(database),
    isBuilt: true,
    env: { HOLDFAST_LEASE_SECONDS: '30', HOLDFAST_RECONCILE_SECONDS: '5', LOG_LEVEL: 'warn' },
  });
  const { client } = await stack.startApi({ LOG_LEVEL: 'info' });
  const worker = await stack.startWorker({ LOG_LEVEL: 'info', HOLDFAST_ENCRYPTION_IDENTITY: identity });
  return { stack, client, worker };
}

/** Measures one side at a time, with what the server spends on it. */
class Bench {
  readonly #folder: string;
  readonly #serverPid: number;
  readonly #env: Record<string, string>;

  private constructor(folder: string, serverPid: number, env: Record<string, string>) {
    this.#folder = folder;
    this.#serverPid = serverPid;
    this.#env = env;
  }

  static async create({ folder, postgres }: BenchServices): Promise<Bench> {
    const pidFile = path.join(postgres.dataDir, '..', 'pid.json');
    const { pid } = JSON.parse(await readFile(pidFile, 'utf8')) as { pid: number };
    const programs = await findPrograms();
    return new Bench(folder, pid, {
      DB: postgres.url('large'),
      DUMP: `${programs?.postgresBinDir}/pg_dump`,
    });
  }

  /** The result is on the disk when the clock stops, as Holdfast's is; what is left over goes after that. */
  async byHand({ byHand }: Pick<Pairing, 'byHand'>): Promise<Sample> {
    const file = path.join(this.#folder, 'by-hand');
    const work = path.join(this.#folder, 'by-hand-work');
    await mkdir(work);
    const sample = await this.#withServer(async () => {
      const { wallSeconds, cpuSeconds } = await runPipeline(`{ ${byHand}; } > ${file} && sync ${file}`, {
        ...this.#env,
        WORK: work,
      });
      return {
        wallSeconds,
        cpuSeconds,
        storedBytes: (await stat(file)).size,
        workerPeakBytes: null,
      };
    });
    await Promise.all([rm(file), rm(work, { recursive: true })]);
    return sample;
  }

  /** From the request to the completed row: queueing, pipeline, re-reading and publishing included. */
  async holdfast({ stack, client, worker }: RunningStack, input: Partial<CreateBackup>): Promise<Sample> {
    return await this.#withServer(async () => {
      await resetPeakMemory(worker.pid);
      const cpuBefore = await cpuSecondsOf(worker.pid);
      const startedMs = performance.now();
      const backup: BackupView = await stack.backUp(client, input);
      const wallSeconds = (performance.now() - startedMs) / 1000;
      if (backup.status !== 'completed') {
        throw new Error(`the backup ${backup.status}: ${backup.errorMessage}`);
      }
      return {
        wallSeconds,
        cpuSeconds: (await cpuSecondsOf(worker.pid)) - cpuBefore,
        storedBytes: backup.fileSize,
        workerPeakBytes: await peakMemoryOf(worker.pid),
      };
    });
  }

  async parts({ stack }: RunningStack): Promise<Record<string, number>> {
    const raw = path.join(this.#folder, 'raw');
    await runPipeline(`"$DUMP" -Fc -Z0 "$DB" > ${raw}`, this.#env);
    const stored = (await stack.storedFiles()).find((file) => file.endsWith('.dump.zst'));
    const parts = await costOfParts({ raw, stored: path.join(stack.storageDir, stored as string) });
    await rm(raw);
    return parts;
  }

  async #withServer(work: () => Promise<Sample>): Promise<Sample> {
    const before = await cpuSecondsOf(this.#serverPid);
    const sample = await work();
    return { ...sample, cpuSeconds: sample.cpuSeconds + (await cpuSecondsOf(this.#serverPid)) - before };
  }
}

const formats = chosenFormats();
await withBenchServices({ shared_buffers: '512MB' }, (services) => compare(services, formats));
