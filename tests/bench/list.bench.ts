/** Lists over a catalogue of a million backups: every filter, order and search, first page and deep ones, beside the cheapest request there is. */
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import type { BackupView, ListBackupsQuery } from '@holdfast/contracts/backups';
import { encodeCursor } from '@holdfast/platform/db/cursor';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { withBenchServices } from './bench-services.ts';
import { openExplainer } from './explain-list.ts';
import { insertBackups } from './million-backups.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '200' },
    json: { type: 'string' },
  },
});
const rows = Number(values.size);
const rounds = Number(values.rounds);
const wantedP99Ms = 50;
const print = (line = ''): void => void process.stdout.write(`${line}\n`);

interface Case {
  readonly name: string;
  readonly query: ListBackupsQuery;
}

const sorts = {
  createdAt: 'created_at',
  displayName: 'display_name',
  fileSize: 'file_size',
  duration: 'COALESCE(duration, -1)',
} as const;

/** A cursor in the middle of everything that is not deleted. */
async function deepCursor(
  stack: TestStack,
  sortBy: keyof typeof sorts,
  sortOrder: 'asc' | 'desc',
): Promise<string> {
  const column = sorts[sortBy];
  const [row] = await stack.metadata.query<{ id: number; value: string | Date | number }>(
    `SELECT id, ${column} AS value FROM admin_backups WHERE status <> 'deleted' ORDER BY ${column} ${sortOrder}, id ${sortOrder} OFFSET ${Math.floor(rows / 3)} LIMIT 1`,
  );
  const { id, value } = row as { id: number; value: string | Date | number };
  return encodeCursor({
    sort: `${sortBy}:${sortOrder}`,
    value: value instanceof Date ? value.toISOString() : String(value),
    id: String(id),
  });
}

async function makeCases(stack: TestStack): Promise<Case[]> {
  const ago = (days: number): string => new Date(Date.now() - days * 24 * 3600 * 1000).toISOString();
  const filters: Record<string, ListBackupsQuery> = {
    everything: {},
    'page 50 by number': { page: 50 },
    'limit 100': { limit: 100 },
    'status=completed': { status: ['completed'] },
    'status=cancelled, few': { status: ['cancelled'] },
    'status=running, none': { status: ['running'] },
    'status=failed or cancelled': { status: ['failed', 'cancelled'] },
    'backupType=selective': { backupType: ['selective'] },
    'source=pre_restore, few': { source: ['pre_restore'] },
    'status, type and source': { status: ['failed'], backupType: ['schema'], source: ['manual'] },
    startDate: { startDate: ago(200) },
    'a period': { startDate: ago(900), endDate: ago(400) },
    'a period, status and type': {
      startDate: ago(900),
      endDate: ago(400),
      status: ['failed'],
      backupType: ['full'],
    },
    'tag of most': { tags: ['daily'] },
    'tag of one in 2,000': { tags: ['tenant-17'] },
    'two tags': { tags: ['daily', 'keep'] },
    'tag of none': { tags: ['nobody'] },
    'search of most': { search: 'nightly' },
    'search of a fifth': { search: 'billing' },
    'search of one in 1,000': { search: 'migration' },
    'search of one in 20,000': { search: 'elephant' },
    'search of two words': { search: 'weekly migration' },
    'search of a phrase': { search: '"before the migration"' },
    'search of none': { search: 'giraffe' },
    'search, tag, status and period': {
      search: 'nightly',
      tags: ['daily'],
      status: ['completed'],
      startDate: ago(900),
      endDate: ago(400),
    },
    'tag of most, largest first': { tags: ['daily'], sortBy: 'fileSize' },
    'search of a fifth, by name': { search: 'billing', sortBy: 'displayName', sortOrder: 'asc' },
    'status=failed, longest first': { status: ['failed'], sortBy: 'duration' },
    'tag of most, deep': { tags: ['daily'], cursor: await deepCursor(stack, 'createdAt', 'desc') },
    'search of a fifth, deep': { search: 'billing', cursor: await deepCursor(stack, 'createdAt', 'desc') },
    'status=failed, deep': { status: ['failed'], cursor: await deepCursor(stack, 'createdAt', 'desc') },
  };
  const cases = Object.entries(filters).map(([name, query]) => ({ name, query }));
  for (const sortBy of Object.keys(sorts) as (keyof typeof sorts)[]) {
    for (const sortOrder of ['asc', 'desc'] as const) {
      const name = `by ${sortBy} ${sortOrder}`;
      cases.push({ name, query: { sortBy, sortOrder } });
      const cursor = await deepCursor(stack, sortBy, sortOrder);
      cases.push({ name: `${name}, deep`, query: { sortBy, sortOrder, cursor } });
    }
  }
  return cases;
}

interface Answer {
  readonly ms: number;
  readonly body: { items: BackupView[]; pagination: { total: number; totalIsExact: boolean } };
}

/** Each address of this machine has a rate limit of its own, as each client would. */
const agents = Array.from({ length: 60 }, (_, index) => ({
  localAddress: `127.0.0.${index + 2}`,
  agent: new Agent({ keepAlive: true, maxSockets: 1 }),
}));
let turn = 0;

function ask({ url, token }: TestClient, path: string): Promise<Answer> {
  turn = (turn + 1) % agents.length;
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { ...agents[turn], headers: { authorization: `Bearer ${token}` } });
    sent.once('error', reject);
    sent.once('response', (message) => {
      let text = '';
      message.setEncoding('utf8');
      message.on('data', (chunk: string) => {
        text += chunk;
      });
      message.once('error', reject);
      message.once('end', () => {
        const ms = performance.now() - startedMs;
        if (message.statusCode === 200) {
          resolve({ ms, body: JSON.parse(text) as Answer['body'] });
        } else {
          reject(new Error(`${path} answered ${message.statusCode}: ${text}`));
        }
      });
    });
    sent.end();
  });
}

function pathOf(query: ListBackupsQuery): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      search.append(name, String(one));
    }
  }
  return `/api/admin/backup-restore/backups?${search}`;
}

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;

async function measure(stack: TestStack, client: TestClient, cases: readonly Case[]): Promise<void> {
  const floor = { name: 'who am I (the floor)', path: '/api/auth/me' };
  const asked = [floor, ...cases.map(({ name, query }) => ({ name, path: pathOf(query) }))];
  const times = new Map(asked.map(({ name }) => [name, [] as number[]]));
  const last = new Map<string, Answer>();
  // The first round fills caches; it would say more about the disk than about us.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, path } of asked) {
      const answer = await ask(client, path);
      last.set(name, answer);
      if (round > 0) {
        times.get(name)?.push(answer.ms);
      }
    }
  }
  const explainer = await openExplainer(stack.metadata.url);
  print(
    `\n${'list'.padEnd(34)} ${'total'.padStart(9)} ${'p50 ms'.padStart(7)} ${'p99 ms'.padStart(7)} ${'max ms'.padStart(7)}  indexes`,
  );
  const results = [];
  for (const { name } of asked) {
    const sorted = (times.get(name) as number[]).sort((a, b) => a - b);
    const query = cases.find((one) => one.name === name)?.query;
    const plan = query === undefined ? '' : await explainer.explain(query);
    const pagination = query === undefined ? null : (last.get(name) as Answer).body.pagination;
    const result = {
      name,
      total: pagination?.total ?? null,
      totalIsExact: pagination?.totalIsExact ?? null,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: sorted.at(-1) as number,
      plan,
    };
    results.push(result);
    const total = pagination === null ? '' : `${pagination.totalIsExact ? '' : '> '}${pagination.total}`;
    print(
      `${name.padEnd(34)} ${total.padStart(9)} ${result.p50Ms.toFixed(1).padStart(7)} ${result.p99Ms.toFixed(1).padStart(7)} ${result.maxMs.toFixed(1).padStart(7)}  ${plan}`,
    );
  }
  await explainer.close();
  const slow = results.filter(({ p99Ms }) => p99Ms >= wantedP99Ms);
  print(
    slow.length === 0
      ? `\nall under ${wantedP99Ms} ms at the 99th percentile`
      : `\n${slow.length} of ${results.length} not under ${wantedP99Ms} ms at the 99th percentile: ${slow.map(({ name }) => name).join('; ')}`,
  );
  if (values.json !== undefined) {
    await writeFile(values.json, JSON.stringify({ rows, rounds, results }, null, 2));
  }
}

await withBenchServices({ shared_buffers: '512MB', maintenance_work_mem: '256MB' }, async () => {
  const stack = await TestStack.create({ target: 'template0', isBuilt: true, env: { LOG_LEVEL: 'warn' } });
  try {
    const { client } = await stack.startApi({ LOG_LEVEL: 'info' });
    const startedMs = performance.now();
    await insertBackups(stack.metadata, rows);
    print(`${rows} backups inserted in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    await measure(stack, client, await makeCases(stack));
  } finally {
    for (const { agent } of agents) {
      agent.destroy();
    }
    await stack.destroy();
  }
});
