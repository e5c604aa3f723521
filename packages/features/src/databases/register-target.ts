/** Command of a starting API: TARGET_DATABASE_URL is an entry of the registry, the first one in a new installation. */
import { AppError } from '@holdfast/contracts/errors';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { type DatabaseAddress, parseDatabaseUrl } from '@holdfast/platform/pgtools/database-address';
import { type DataSource, type EntityManager, In, IsNull, Not } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { DatabaseEntity, type DatabaseRow } from './database.entity.ts';
import { databaseAddress, sealPassword } from './database-registry.ts';
import { describeDatabase } from './database.presenter.ts';
import { ownDatabaseError, refuseOwnDatabase } from './own-database.ts';

export interface RegisterTargetDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
}

const lookMs = 5_000;

/**
 * Without a URL the entries that came from one become ordinary ones, which may be changed and deleted.
 * @throws AppError INVALID_CONFIG where it is Holdfast's own metadata database.
 */
export async function registerTarget(
  deps: RegisterTargetDeps,
  targetUrl: string | undefined,
  metadataUrl: string,
): Promise<void> {
  const target = targetUrl === undefined ? null : parseDatabaseUrl(targetUrl);
  if (target !== null) {
    await refuseOwnTarget(deps, target, parseDatabaseUrl(metadataUrl));
  }
  await deps.source.transaction(async (manager) => {
    // API processes that start together make one entry.
    await manager.query('LOCK TABLE databases IN SHARE ROW EXCLUSIVE MODE');
    const kept = target === null ? null : await putTarget(manager, target, deps.secrets);
    await manager.update(
      DatabaseEntity,
      { origin: 'environment', ...(kept === null ? {} : { id: Not(In([kept])) }) },
      { origin: 'registered' },
    );
  });
}

async function refuseOwnTarget(
  { source, secrets }: RegisterTargetDeps,
  target: DatabaseAddress,
  own: DatabaseAddress,
): Promise<void> {
  if (target.host === own.host && target.port === own.port && target.database === own.database) {
    throw ownDatabaseError();
  }
  const options = {
    applicationName: `holdfast-${secrets.installation}/look`,
    connectTimeoutMs: lookMs,
    timeLimitMs: lookMs,
  };
  await lookWithin(target, options, (session) => refuseOwnDatabase(source, session)).catch(
    (error: unknown) => {
      // A target that does not answer now may do so later; before a backup it is looked at again.
      if (error instanceof AppError && error.code === 'INVALID_CONFIG') {
        throw error;
      }
    },
  );
}

/** @returns the id of the entry of this very database, made or brought up to date */
async function putTarget(
  manager: EntityManager,
  target: DatabaseAddress,
  secrets: SecretBox,
): Promise<number> {
  const place = { host: target.host, port: target.port, databaseName: target.database };
  const found =
    (await manager.findOneBy(DatabaseEntity, { ...place, deletedAt: IsNull() })) ??
    // The same database moved to another server: its history goes with it.
    (await manager.findOneBy(DatabaseEntity, {
      databaseName: target.database,
      origin: In(['environment', 'rebuilt']),
      deletedAt: IsNull(),
    }));
  if (found !== null && found.origin === 'environment' && isUpToDate(found, target, secrets)) {
    return found.id;
  }
  const columns = {
    ...place,
    username: target.user,
    passwordSealed: sealPassword(target.password, place, secrets),
    sslMode: target.sslMode,
    sslRootCert: target.sslRootCert,
    origin: 'environment' as const,
  };
  const id = found?.id ?? (await insert(manager, columns));
  if (found !== null) {
    await manager.update(DatabaseEntity, { id }, { ...columns, updatedAt: () => 'clock_timestamp()' });
  }
  await recordAudit(manager, systemActor, {
    action: found === null ? 'database.create' : 'database.update',
    subjectType: 'database',
    subjectId: String(id),
    outcome: 'succeeded',
    ...(found === null ? {} : { before: describeDatabase(found) }),
    after: describeDatabase(await manager.findOneByOrFail(DatabaseEntity, { id })),
  });
  return id;
}

async function insert(
  manager: EntityManager,
  columns: Partial<DatabaseRow> & Pick<DatabaseRow, 'host' | 'port' | 'databaseName'>,
): Promise<number> {
  const isTaken = await manager.existsBy(DatabaseEntity, { name: columns.databaseName, deletedAt: IsNull() });
  const name = isTaken ? `${columns.databaseName} on ${columns.host}:${columns.port}` : columns.databaseName;
  const inserted = await manager.insert(DatabaseEntity, { ...columns, name });
  return (inserted.identifiers[0] as { id: number }).id;
}

/** Sealing anew gives other text each time, so what is sealed is opened and compared. */
function isUpToDate(row: DatabaseRow, target: DatabaseAddress, secrets: SecretBox): boolean {
  let stored: DatabaseAddress;
  try {
    stored = databaseAddress(row, secrets);
  } catch {
    return false; // Sealed with another HOLDFAST_SECRET_KEY: sealed again with this one.
  }
  return (Object.keys(target) as (keyof DatabaseAddress)[]).every((key) => stored[key] === target[key]);
}
