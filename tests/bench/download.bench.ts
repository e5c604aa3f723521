/** A download of a large backup beside `cat`, nginx and a bare HTTP server of node over the same file, interleaved in one run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parseDemoSize } from '@holdfast/demo';
import { findFreePort } from '@holdfast/platform/instances/free-port';
import type { DownloadLink } from '@holdfast/contracts/downloads';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';
import { withBenchServices } from './bench-services.ts';
import {
  cpuSecondsOf,
  peakMemoryOf,
  resetPeakMemory,
  runPipeline,
  type Spread,
  spreadOf,
} from './measure.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1GB' },
    rounds: { type: 'string', default: '7' },
    json: { type: 'string' },
  },
});
const sizeBytes = parseDemoSize(values.size);
const rounds = Number(values.rounds);
const print = (line = ''): void => void process.stdout.write(`${line}\n`);

interface Sample {
  readonly wallSeconds: number;
  /** Of the server alone; null where there is none. */
  readonly serverCpuSeconds: number | null;
}

interface Contestant {
  readonly name: string;
  readonly run: () => Promise<Sample>;
}

/** Random bytes: what a compressed backup looks like to everything on its way. */
async function writeBackup(file: string): Promise<{ md5: string; sha256: string }> {
  await mkdir(path.dirname(file), { recursive: true });
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  const handle = await open(file, 'w');
  const chunk = Buffer.alloc(8 * 1024 * 1024);
  for (let left = sizeBytes; left > 0; left -= chunk.length) {
    const part = randomFillSync(chunk).subarray(0, Math.min(chunk.length, left));
    md5.update(part);
    sha256.update(part);
    await handle.write(part);
  }
  await handle.sync();
  await handle.close();
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}

async function insertRow(stack: TestStack, sums: { md5: string; sha256: string }): Promise<number> {
  const [row] = await stack.metadata.query<{ id: number }>(
    `INSERT INTO admin_backups (filename, file_path, display_name, database_name, database_id, status, file_size, checksum_sha256, checksum_md5, manifest, proof_level, completed_at, storage_target)
     VALUES ('bench.dump.zst', 'manual/bench.dump.zst', 'bench', 'bench', 1, 'completed', $1, $2, $3, '{}', 'stored', now(), $4) RETURNING id`,
    [sizeBytes, sums.sha256, sums.md5, `file://${stack.storageDir}`],
  );
  return (row as { id: number }).id;
}

async function fetchWith(script: string, serverPid: number | null): Promise<Sample> {
  const before = serverPid === null ? 0 : await cpuSecondsOf(serverPid);
  const { wallSeconds } = await runPipeline(script, {});
  return {
    wallSeconds,
    serverCpuSeconds: serverPid === null ? null : (await cpuSecondsOf(serverPid)) - before,
  };
}

/** One worker in the foreground, so that its CPU time is that of one process. Null where nginx is not installed. */
async function startNginx(
  folder: string,
  root: string,
): Promise<{ process: ChildProcess; url: string } | null> {
  const program = '/usr/sbin/nginx';
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    return null;
  }
  const port = await findFreePort();
  const configuration = path.join(folder, 'nginx.conf');
  await writeFile(
    configuration,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;
     events { worker_connections 64; }
     http { access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
       client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3; uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
       server { listen 127.0.0.1:${port}; root ${root}; } }`,
  );
  const nginx = spawn(program, ['-c', configuration], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  while ((await fetch(url).catch(() => null)) === null) {
    if (nginx.exitCode !== null) {
      throw new Error('nginx did not start');
    }
  }
  return { process: nginx, url };
}

/** What most people would write. In a process of its own, like the others. */
const bareServer = `
  const { createReadStream, statSync } = require('node:fs');
  const [file] = process.argv.slice(1);
  const server = require('node:http').createServer((request, response) => {
    response.writeHead(200, { 'content-length': statSync(file).size });
    createReadStream(file, { highWaterMark: 1024 * 1024 }).pipe(response);
  });
  server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)));`;

async function startBareServer(file: string): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['-e', bareServer, file], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [port] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer];
  return { process: child, url: `http://127.0.0.1:${port.toString()}` };
}

async function freshLink(client: TestClient, id: number): Promise<string> {
  const { url } = await client.post<DownloadLink>(`/backups/${id}/download-link`);
  return `${client.url}${url}`;
}

const quietly = (url: string): string => `curl --silent --fail --output /dev/null '${url}'`;

await withBenchServices({}, async ({ folder }) => {
  const stack = await TestStack.create({ target: 'template0', isBuilt: true, env: { LOG_LEVEL: 'warn' } });
  const children: ChildProcess[] = [];
  try {
    const { client, process: api } = await stack.startApi({ LOG_LEVEL: 'info' });
    const file = path.join(stack.storageDir, 'manual', 'bench.dump.zst');
    const id = await insertRow(stack, await writeBackup(file));
    const bare = await startBareServer(file);
    const nginx = await startNginx(folder, path.dirname(file));
    children.push(bare.process, ...(nginx === null ? [] : [nginx.process]));
    const download = async (): Promise<Sample> =>
      await fetchWith(quietly(await freshLink(client, id)), api.pid);
    const contestants: Contestant[] = [
      { name: 'cat FILE > /dev/null', run: () => fetchWith(`cat ${file} > /dev/null`, null) },
      { name: 'cat FILE | cat > /dev/null', run: () => fetchWith(`cat ${file} | cat > /dev/null`, null) },
      ...(nginx === null
        ? []
        : [
            {
              name: 'nginx, sendfile',
              run: () => fetchWith(quietly(`${nginx.url}/bench.dump.zst`), nginx.process.pid as number),
            },
          ]),
      { name: 'bare node server', run: () => fetchWith(quietly(bare.url), bare.process.pid as number) },
      { name: 'holdfast, known file', run: download },
      {
        name: 'holdfast, first time (hashed)',
        run: async () => {
          // Another version of the file, as far as anybody can tell without reading it.
          const handle = await open(file, 'r+');
          await handle.utimes(new Date(), new Date());
          await handle.close();
          return await download();
        },
      },
    ];
    await measure(contestants, api.pid);
  } finally {
    for (const child of children) {
      child.kill();
    }
    await stack.destroy();
  }
});

async function measure(contestants: readonly Contestant[], apiPid: number): Promise<void> {
  const samples = new Map(contestants.map(({ name }) => [name, [] as Sample[]]));
  await resetPeakMemory(apiPid);
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, run } of contestants) {
      const sample = await run();
      if (round > 0) {
        samples.get(name)?.push(sample);
      }
    }
  }
  const peakBytes = await peakMemoryOf(apiPid);
  const to = samples.get('nginx, sendfile') ?? samples.get('cat FILE | cat > /dev/null');
  print(
    `\n${(sizeBytes / 1e6).toFixed(0)} MB, ${rounds} rounds; ratio of times to ${samples.has('nginx, sendfile') ? 'nginx' : 'cat through a pipe'} in the same round`,
  );
  print(`${''.padEnd(32)} ${'MB/s'.padStart(7)}  ${'ratio (min-max)'.padEnd(18)} server CPU s`);
  const results = contestants.map(({ name }) => {
    const own = samples.get(name) as Sample[];
    const seconds = spreadOf(own.map(({ wallSeconds }) => wallSeconds));
    const ratio: Spread = spreadOf(
      own.map(({ wallSeconds }, round) => wallSeconds / ((to as Sample[])[round] as Sample).wallSeconds),
    );
    const cpu = own.every(({ serverCpuSeconds }) => serverCpuSeconds === null)
      ? null
      : spreadOf(own.map(({ serverCpuSeconds }) => serverCpuSeconds ?? 0)).median;
    print(
      `${name.padEnd(32)} ${(sizeBytes / 1e6 / seconds.median).toFixed(0).padStart(7)}  ${`${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`.padEnd(18)} ${cpu === null ? '' : cpu.toFixed(2)}`,
    );
    return { name, seconds, ratio, serverCpuSeconds: cpu };
  });
  print(`\npeak memory of the API: ${(peakBytes / 1e6).toFixed(0)} MB`);
  if (values.json !== undefined) {
    await writeFile(values.json, JSON.stringify({ sizeBytes, rounds, results, peakBytes }, null, 2));
  }
}
