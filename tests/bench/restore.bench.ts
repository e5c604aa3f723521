/** Restores through API and worker, beside pg_restore by hand, and what clients of the database notice of each; interleaved in one run. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BackupView, CreateBackup } from '@holdfast/contracts/backups';
import type { RestoreValidation, RestoreView } from '@holdfast/contracts/restores';
import { loadDemoForum, parseDemoSize } from '@holdfast/demo';
import { findPrograms } from '@holdfast/platform/instances/programs';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { type BenchServices, withBenchServices } from './bench-services.ts';
import { DatabaseUser } from './database-user.ts';
import { runPipeline, spreadOf } from './measure.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '150MB' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const print = (line = ''): void => void process.stdout.write(`${line}\n`);

interface Swap {
  /** From the request to the end, and the parts of it that the restore itself tells. */
  readonly totalMs: number;
  readonly restoreMs: number;
  readonly verifyMs: number;
  readonly closedMs: number;
  /** The longest that a client had to do without the database. */
  readonly gapMs: number;
}

interface ByHand {
  readonly totalMs: number;
  readonly gapMs: number;
}

/** Backups that are restored, each beside the way by hand that is as parallel. */
const kinds = [
  { name: 'custom', jobs: 1, input: { compressionType: 'zstd' } },
  { name: 'directory', jobs: 2, input: { compressionType: 'zstd', backupFormat: 'directory', jobs: 2 } },
] as const satisfies readonly { name: string; jobs: number; input: Partial<CreateBackup> }[];

async function swap(stack: TestStack, client: TestClient, backup: BackupView): Promise<Swap> {
  const user = new DatabaseUser(stack.target?.url as string);
  await user.start();
  const asked = {
    sourceBackupId: backup.id,
    displayName: 'bench',
    strategy: 'swap',
    createPreBackup: false,
    preBackupWaiverReason: 'a benchmark',
  };
  const found = await client.post<RestoreValidation>('/restores/validate', asked);
  const startedMs = performance.now();
  const { operationId } = await client.post<{ operationId: string }>('/restores', {
    ...asked,
    confirmationToken: found.confirmationToken,
    confirmTarget: found.confirmTarget,
  });
  await stack.untilStatus('restore_operations', operationId, ['completed', 'failed', 'cancelled']);
  const totalMs = performance.now() - startedMs;
  const gapMs = await user.stop();
  const restore = await client.get<RestoreView>(`/restores/${operationId}`);
  if (restore.status !== 'completed' || restore.verification === null) {
    throw new Error(`the restore ended as ${restore.status}: ${restore.errorMessage}`);
  }
  await stack.dropRestoreDatabases();
  return {
    totalMs,
    restoreMs: restore.verification.restoreDurationMs,
    verifyMs: restore.verification.verifyDurationMs,
    closedMs: Number(restore.metadata['closedMs']),
    gapMs,
  };
}

interface Hand {
  readonly stack: TestStack;
  readonly dump: string;
  readonly binDir: string;
}

/** Over the live database, as the manual says. */
async function cleanByHand({ stack, dump, binDir }: Hand): Promise<ByHand> {
  const url = stack.target?.url as string;
  const user = new DatabaseUser(url);
  await user.start();
  // It reports what it can't drop and goes on: that is how it is used.
  const { wallSeconds } = await runPipeline(
    `"$BIN/pg_restore" --clean --if-exists --dbname="$DB" "$DUMP" 2>/dev/null || true`,
    { BIN: binDir, DB: url, DUMP: dump },
  );
  return { totalMs: wallSeconds * 1000, gapMs: await user.stop() };
}

/** Into a database of its own, which nobody looks at afterwards. */
async function freshByHand({ stack, dump, binDir }: Hand, jobs: number): Promise<number> {
  const url = new URL(stack.target?.url as string);
  url.pathname = '/by_hand';
  await stack.target?.query('DROP DATABASE IF EXISTS by_hand');
  await stack.target?.query('CREATE DATABASE by_hand TEMPLATE template0');
  const { wallSeconds } = await runPipeline(
    `"$BIN/pg_restore" --jobs=${jobs} --exit-on-error --dbname="$DB" "$DUMP" && "$BIN/psql" -qc ANALYZE "$DB"`,
    { BIN: binDir, DB: url.href, DUMP: dump },
  );
  await stack.target?.query('DROP DATABASE by_hand');
  return wallSeconds * 1000;
}

function report(name: string, swaps: readonly Swap[], hands: readonly number[]): void {
  const median = (of: (each: Swap) => number): number => spreadOf(swaps.map(of)).median;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const ratio = (of: (each: Swap) => number): string =>
    spreadOf(swaps.map((each, round) => of(each) / (hands[round] ?? Number.NaN))).median.toFixed(2);
  print();
  print(`${name}: by hand ${seconds(spreadOf(hands).median)}`);
  print(`  Holdfast, from request to end     ${seconds(median((each) => each.totalMs))}`);
  print(`    restored                        ${seconds(median((each) => each.restoreMs))}`);
  print(`    compared with the manifest      ${seconds(median((each) => each.verifyMs))}`);
  print(`    closed for the exchange         ${median((each) => each.closedMs).toFixed(0)} ms`);
  print(`  to by hand, without comparing     ${ratio((each) => each.totalMs - each.verifyMs)}`);
  print(`  to by hand, all of it             ${ratio((each) => each.totalMs)}`);
  const gaps = spreadOf(swaps.map((each) => each.gapMs));
  print(
    `  longest gap of a client           ${gaps.median.toFixed(0)} ms in the median, ${gaps.max.toFixed(0)} ms at most`,
  );
}

async function compare({ folder, postgres }: BenchServices): Promise<void> {
  await postgres.createDatabase('demo_template');
  const loaded = await loadDemoForum({
    connectionString: postgres.url('demo_template'),
    targetBytes: parseDemoSize(values.size),
  });
  print(`database: ${(loaded.databaseBytes / 1e6).toFixed(0)} MB on disk, ${loaded.rows} rows`);
  const stack = await TestStack.create({
    isBuilt: true,
    settings: { require_approval_for_restore: 'false' },
    env: { HOLDFAST_LEASE_SECONDS: '30', HOLDFAST_RECONCILE_SECONDS: '5', LOG_LEVEL: 'warn' },
  });
  try {
    const { client } = await stack.startApi({ LOG_LEVEL: 'info' });
    await stack.startWorker({ LOG_LEVEL: 'info' });
    const binDir = (await findPrograms())?.postgresBinDir as string;
    const dump = path.join(folder, 'by-hand.dump');
    await runPipeline(`"$BIN/pg_dump" -Fc "$DB" > "$DUMP"`, {
      BIN: binDir,
      DB: stack.target?.url as string,
      DUMP: dump,
    });
    const hand = { stack, dump, binDir };
    const measured = [];
    for (const kind of kinds) {
      measured.push({
        ...kind,
        backup: await stack.backUp(client, kind.input),
        swaps: [] as Swap[],
        hands: [] as number[],
      });
    }
    const cleans: ByHand[] = [];
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      for (const each of measured) {
        each.hands.push(await freshByHand(hand, each.jobs));
        each.swaps.push(await swap(stack, client, each.backup));
      }
      cleans.push(await cleanByHand(hand));
      // What pg_restore --clean could not drop, it has made twice: the next round begins with the backup itself.
      await swap(stack, client, (measured[0] as (typeof measured)[number]).backup);
      print(`round ${round} of ${values.rounds} done`);
    }
    for (const { name, jobs, swaps, hands } of measured) {
      report(`${name}, beside pg_restore --jobs=${jobs}`, swaps, hands);
    }
    if (values.json !== undefined) {
      const figures = measured.map(({ name, jobs, swaps, hands }) => ({
        name,
        jobs,
        swaps,
        byHandMs: hands,
      }));
      await writeFile(values.json, JSON.stringify({ figures, cleans }, null, 2));
    }
    const gaps = spreadOf(cleans.map(({ gapMs }) => gapMs));
    print();
    print(
      `pg_restore --clean over the live database: ${(spreadOf(cleans.map(({ totalMs }) => totalMs)).median / 1000).toFixed(1)} s`,
    );
    print(
      `  longest gap of a client           ${gaps.median.toFixed(0)} ms in the median, ${gaps.max.toFixed(0)} ms at most`,
    );
  } finally {
    await stack.destroy();
  }
}

await withBenchServices({ max_wal_size: '4GB' }, compare);
