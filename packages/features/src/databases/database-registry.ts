/** The registered databases: looking one up, and opening its stored credentials. */
import { AppError } from '@holdfast/contracts/errors';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { DatabaseAddress, SslMode } from '@holdfast/platform/pgtools/database-address';
import { type EntityManager, IsNull } from 'typeorm';
import { DatabaseEntity, type DatabaseRow } from './database.entity.ts';

/** @throws AppError INVALID_CONFIG when there is none. Without an id: the first that was registered. */
export async function findDatabase(manager: EntityManager, id?: number): Promise<DatabaseRow> {
  const row = await manager.findOne(DatabaseEntity, {
    where: { deletedAt: IsNull(), ...(id === undefined ? {} : { id }) },
    order: { id: 'ASC' },
  });
  if (row === null) {
    throw new AppError(
      'INVALID_CONFIG',
      id === undefined ? 'No database is registered yet.' : `There is no registered database ${id}.`,
      {
        remediation: 'Set TARGET_DATABASE_URL and restart the API, or name a registered database.',
      },
    );
  }
  return row;
}

/** As findDatabase, and keeps it registered until the caller's transaction ends: an operation that is accepted has its database. */
export async function holdDatabase(manager: EntityManager, id?: number): Promise<DatabaseRow> {
  const found = await findDatabase(manager, id);
  const held = await manager.findOne(DatabaseEntity, {
    where: { id: found.id, deletedAt: IsNull() },
    lock: { mode: 'pessimistic_read' },
  });
  return held ?? (await findDatabase(manager, id));
}

export function databaseAddress(row: DatabaseRow, secrets: SecretBox): DatabaseAddress {
  return {
    host: row.host,
    port: row.port,
    database: row.databaseName,
    user: row.username,
    password: row.passwordSealed === null ? null : secrets.open(row.passwordSealed, credentialContext(row)),
    sslMode: row.sslMode as SslMode,
    sslRootCert: row.sslRootCert,
  };
}

type Place = Pick<DatabaseRow, 'host' | 'port' | 'databaseName'>;

export function sealPassword(password: string | null, place: Place, secrets: SecretBox): string | null {
  return password === null ? null : secrets.seal(password, credentialContext(place));
}

/** Binds the sealed password to the database it opens: moved to another row it can't be opened. */
function credentialContext({ host, port, databaseName }: Place): string {
  return `database ${host}:${port}/${databaseName}`;
}
