/** Commands: register a database, or change its entry. The password is sealed here and never given back. */
import type { DatabaseInput } from '@holdfast/contracts/databases';
import { AppError } from '@holdfast/contracts/errors';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { type DataSource, type EntityManager, IsNull, Not } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { activeOperations } from './active-operations.ts';
import { DatabaseEntity, type DatabaseRow } from './database.entity.ts';
import { databaseAddress, sealPassword } from './database-registry.ts';
import { describeDatabase } from './database.presenter.ts';
import { findEntry } from './find-entry.ts';
import { type LookDeps, lookOptions } from './look-options.ts';
import { refuseOwnDatabase } from './own-database.ts';

export interface SaveDatabaseDeps extends LookDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
}

/** @throws AppError VALIDATION_FAILED, INVALID_CONFIG */
export async function registerDatabase(
  deps: SaveDatabaseDeps,
  input: DatabaseInput,
  actor: Actor,
): Promise<DatabaseRow> {
  const { password = null, ...columns } = complete(input);
  await refuseOwn(deps, {
    ...columns,
    database: columns.databaseName,
    user: columns.username,
    password,
  });
  return await deps.source.transaction(async (manager) => {
    await refuseTaken(manager, columns);
    const inserted = await manager.insert(DatabaseEntity, {
      ...columns,
      passwordSealed: sealPassword(password, columns, deps.secrets),
      createdBy: actor.userId,
      updatedBy: actor.userId,
    });
    const { id } = inserted.identifiers[0] as { id: number };
    const row = await manager.findOneByOrFail(DatabaseEntity, { id });
    await recordAudit(manager, actor, {
      action: 'database.create',
      subjectType: 'database',
      subjectId: String(id),
      outcome: 'succeeded',
      after: describeDatabase(row),
    });
    return row;
  });
}

/** @throws AppError NOT_FOUND, VALIDATION_FAILED, INVALID_CONFIG, IN_USE */
export async function updateDatabase(
  deps: SaveDatabaseDeps,
  id: number,
  input: DatabaseInput,
  actor: Actor,
): Promise<DatabaseRow> {
  const { password, ...columns } = complete(input);
  const current = await findEntry(deps.source.manager, id);
  const address = nextAddress(deps.secrets, current, { password, columns });
  await refuseOwn(deps, address);
  return await deps.source.transaction(async (manager) => {
    await refuseTaken(manager, columns, id);
    const before = await findEntry(manager, id, 'pessimistic_write');
    // Again, now that nobody else can change it.
    nextAddress(deps.secrets, before, { password, columns });
    await refuseChangeOfPlace(manager, before, columns);
    const passwordSealed =
      password === undefined ? before.passwordSealed : sealPassword(password, columns, deps.secrets);
    await manager.update(
      DatabaseEntity,
      { id },
      {
        ...columns,
        passwordSealed,
        // Whoever changes it says where it is.
        origin: before.origin === 'rebuilt' ? 'registered' : before.origin,
        updatedBy: actor.userId,
        updatedAt: () => 'clock_timestamp()',
      },
    );
    const after = await manager.findOneByOrFail(DatabaseEntity, { id });
    await recordAudit(manager, actor, {
      action: 'database.update',
      subjectType: 'database',
      subjectId: String(id),
      outcome: 'succeeded',
      before: describeDatabase(before),
      after: { ...describeDatabase(after), ...(password === undefined ? {} : { isPasswordChanged: true }) },
    });
    return after;
  });
}

type Columns = ReturnType<typeof complete>;

function complete(input: DatabaseInput) {
  return {
    ...input,
    port: input.port ?? 5432,
    sslMode: input.sslMode ?? ('prefer' as const),
    sslRootCert: input.sslRootCert ?? null,
    storageLocation: input.storageLocation ?? null,
    copies: input.copies ?? null,
    tags: input.tags ?? [],
  };
}

const placeFields = ['host', 'port', 'databaseName'] as const;
const connectionFields = [...placeFields, 'username', 'sslMode', 'sslRootCert'] as const;

function hasMoved(row: DatabaseRow, columns: Omit<Columns, 'password'>): boolean {
  return placeFields.some((field) => row[field] !== columns[field]);
}

/** @throws AppError VALIDATION_FAILED, so that nobody has the stored password sent to a server of their own */
function nextAddress(
  secrets: SecretBox,
  current: DatabaseRow,
  next: { password: string | null | undefined; columns: Omit<Columns, 'password'> },
): DatabaseAddress {
  const { password, columns } = next;
  const isConnectionChanged =
    password !== undefined || connectionFields.some((field) => current[field] !== columns[field]);
  if (current.origin === 'environment' && isConnectionChanged) {
    throw new AppError(
      'INVALID_CONFIG',
      `The connection of "${current.name}" comes from TARGET_DATABASE_URL.`,
      {
        remediation:
          'Change TARGET_DATABASE_URL and restart the API; name, tags and storage may be changed here.',
      },
    );
  }
  if (password === undefined && current.passwordSealed !== null && hasMoved(current, columns)) {
    throw new AppError('VALIDATION_FAILED', 'Another host, port or database needs its password given anew.', {
      fields: [{ path: '/password', message: 'is needed when host, port or databaseName change' }],
    });
  }
  const kept = password === undefined && !hasMoved(current, columns);
  return {
    ...columns,
    database: columns.databaseName,
    user: columns.username,
    password: kept ? databaseAddress(current, secrets).password : (password ?? null),
  };
}

/** A database that can't be reached now may be registered: every backup looks again before it reads a byte. */
async function refuseOwn(deps: SaveDatabaseDeps, address: DatabaseAddress): Promise<void> {
  const options = await lookOptions(deps);
  await lookWithin(address, options, (session) => refuseOwnDatabase(deps.source, session)).catch(
    (error: unknown) => {
      if (error instanceof AppError && error.code !== 'INVALID_CONFIG') {
        return;
      }
      throw error;
    },
  );
}

async function refuseTaken(
  manager: EntityManager,
  columns: Omit<Columns, 'password'>,
  exceptId?: number,
): Promise<void> {
  await manager.query('LOCK TABLE databases IN SHARE ROW EXCLUSIVE MODE');
  const others = { deletedAt: IsNull(), ...(exceptId === undefined ? {} : { id: Not(exceptId) }) };
  if (await manager.existsBy(DatabaseEntity, { ...others, name: columns.name })) {
    throw new AppError('VALIDATION_FAILED', `There is a database called "${columns.name}" already.`, {
      fields: [{ path: '/name', message: 'is taken' }],
    });
  }
  const { host, port, databaseName } = columns;
  const same = await manager.findOneBy(DatabaseEntity, { ...others, host, port, databaseName });
  if (same !== null) {
    // Operations on one target take turns by its entry: with two, a restore could run beside a backup.
    throw new AppError('VALIDATION_FAILED', `This database is registered already, as "${same.name}".`, {
      fields: [{ path: '/databaseName', message: `is registered as database ${same.id}` }],
      remediation: `Change database ${same.id} instead.`,
    });
  }
}

/** The retry of a running operation would go to another database than its first attempt. */
async function refuseChangeOfPlace(
  manager: EntityManager,
  before: DatabaseRow,
  columns: Omit<Columns, 'password'>,
): Promise<void> {
  const [operation] = hasMoved(before, columns) ? await activeOperations(manager, before.id) : [];
  if (operation !== undefined) {
    throw new AppError('IN_USE', `${operation} still works on "${before.name}".`);
  }
}
