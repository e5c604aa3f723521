/** Query: what is in no backup, of every registered server; in bounded time, and a server that can't be asked is a finding itself. */
import type { CoverageFinding, CoverageReport, ServerCoverage } from '@holdfast/contracts/coverage';
import { AppError } from '@holdfast/contracts/errors';
import type { Clock } from '@holdfast/platform/clock';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { type DataSource, IsNull } from 'typeorm';
import { DatabaseEntity, type DatabaseRow, databaseAddress, lookOptions } from '../databases/index.ts';
import {
  type CataloguedDatabase,
  type DatabaseFacts,
  neverBackedUp,
  readDatabaseFacts,
  readNewestBackups,
} from './coverage-facts.ts';
import { finding, judgeCatalogue, judgeDatabase, judgeServer, unreachable } from './coverage-findings.ts';

export interface CoverageDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
  readonly clock: Clock;
}

/** One look at one database. */
const lookMs = 8_000;
/** All of a server: what has not begun by then is told to be missing. */
const serverMs = 25_000;
/** Servers asked at once; each costs a connection, and a silent one its whole time. */
const serversAtOnce = 32;

export async function reportCoverage(deps: CoverageDeps): Promise<CoverageReport> {
  const rows = await deps.source.manager.find(DatabaseEntity, {
    where: { deletedAt: IsNull() },
    order: { id: 'ASC' },
  });
  const catalogue = await readNewestBackups(deps.source);
  const groups = [...groupByServer(rows).values()];
  const servers: ServerCoverage[] = [];
  const takeNext = async (): Promise<void> => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      servers.push(await coverServer(deps, group, catalogue));
    }
  };
  await Promise.all(Array.from({ length: Math.min(serversAtOnce, groups.length) }, takeNext));
  servers.sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port);
  const findings = servers.flatMap((server) => server.findings);
  const count = (severity: CoverageFinding['severity']): number =>
    findings.filter((found) => found.severity === severity).length;
  return {
    generatedAt: deps.clock.now().toISOString(),
    isComplete: !findings.some(({ kind }) =>
      ['server_unreachable', 'database_unreachable', 'incomplete'].includes(kind),
    ),
    counts: { critical: count('critical'), warning: count('warning'), info: count('info') },
    servers,
  };
}

function groupByServer(rows: readonly DatabaseRow[]): Map<string, DatabaseRow[]> {
  const groups = new Map<string, DatabaseRow[]>();
  for (const row of rows) {
    const key = `${row.host}:${row.port}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}

type Look = { readonly row: DatabaseRow } & (
  | { readonly facts: DatabaseFacts }
  | { readonly error: AppError }
  | { readonly isLeftOut: true }
);

async function coverServer(
  deps: CoverageDeps,
  rows: readonly DatabaseRow[],
  catalogue: ReadonlyMap<number, CataloguedDatabase>,
): Promise<ServerCoverage> {
  const [{ host, port }] = rows as [DatabaseRow];
  const now = deps.clock.now();
  const found = (row: DatabaseRow): CataloguedDatabase => catalogue.get(row.id) ?? neverBackedUp;
  const looks = await lookAtAll(deps, rows);
  const seen = looks.flatMap((look) => ('facts' in look ? [look.facts] : []));
  const [first] = seen;
  return {
    host,
    port,
    serverVersion: first?.facts.serverVersion ?? null,
    databases: rows.map((row) => presentCovered(row, found(row), now)),
    findings: [
      ...(first === undefined
        ? []
        : judgeServer(
            first.serverWide,
            rows.map((row) => row.databaseName),
            rows.map((row) => found(row).newestGlobalsAt).find((at) => at !== null) ?? null,
          )),
      ...judgeLooks(looks, seen.length === 0),
      ...rows.flatMap((row) => judgeCatalogue(row.databaseName, found(row), now)),
    ],
  };
}

async function lookAtAll(deps: CoverageDeps, rows: readonly DatabaseRow[]): Promise<Look[]> {
  const { connectTimeoutMs, applicationName } = await lookOptions(deps);
  const options = { applicationName, connectTimeoutMs, timeLimitMs: lookMs };
  const startedMs = deps.clock.monotonicMs();
  const looks: Look[] = [];
  for (const row of rows) {
    if (deps.clock.monotonicMs() - startedMs > serverMs - lookMs) {
      looks.push({ row, isLeftOut: true });
      continue;
    }
    try {
      looks.push({
        row,
        facts: await readDatabaseFacts(deps.source, databaseAddress(row, deps.secrets), options),
      });
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      looks.push({ row, error });
    }
  }
  return looks;
}

/** A server none of whose databases could be reached is told of once. */
function judgeLooks(looks: readonly Look[], isServerSilent: boolean): CoverageFinding[] {
  const leftOut = looks.flatMap((look) => ('isLeftOut' in look ? [look.row.databaseName] : []));
  const failed = looks.flatMap((look) => ('error' in look ? [look] : []));
  const told = isServerSilent ? failed.slice(0, 1) : failed;
  return [
    ...told.map(({ row, error }) => unreachable(isServerSilent ? null : row.databaseName, error)),
    ...looks.flatMap((look) => ('facts' in look ? judgeDatabase(look.row.databaseName, look.facts) : [])),
    ...(leftOut.length === 0
      ? []
      : [
          finding({
            kind: 'incomplete',
            severity: 'warning',
            objects: leftOut,
            cause: `The server answered so slowly that these were not looked at within ${serverMs / 1000} s.`,
            remediation: 'Look at the load of the server, then ask for the report again.',
          }),
        ]),
  ];
}

function presentCovered(row: DatabaseRow, { newest, newestFullAt }: CataloguedDatabase, now: Date) {
  return {
    databaseId: row.id,
    name: row.name,
    databaseName: row.databaseName,
    newestBackup:
      newest === null
        ? null
        : {
            id: newest.id,
            backupType: newest.backupType,
            completedAt: newest.completedAt.toISOString(),
            ageSeconds: Math.max(0, Math.floor((now.getTime() - newest.completedAt.getTime()) / 1000)),
            proofLevel: newest.proofLevel,
          },
    newestFullBackupAt: newestFullAt?.toISOString() ?? null,
  };
}
