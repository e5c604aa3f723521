/** The registered databases: looking one up, and opening its stored credentials. */
import { AppError } from '@holdfast/contracts/errors';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import {
  type DatabaseAddress,
  parseDatabaseUrl,
  type SslMode,
} from '@holdfast/platform/pgtools/database-address';
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

export function databaseAddress(row: DatabaseRow, secrets: SecretBox): DatabaseAddress {
  return {
    host: row.host,
    port: row.port,
    database: row.databaseName,
    user: row.username,
    password:
      row.passwordSealed === null
        ? null
        : secrets.open(row.passwordSealed, credentialContext(row.host, row.port, row.databaseName)),
    sslMode: row.sslMode as SslMode,
  };
}

/**
 * Registers TARGET_DATABASE_URL as the first database, or brings its entry up to date.
 * @throws AppError INVALID_CONFIG where it is Holdfast's own metadata database.
 */
export async function registerTarget(
  manager: EntityManager,
  targetUrl: string,
  metadataUrl: string,
  secrets: SecretBox,
): Promise<void> {
  const target = parseDatabaseUrl(targetUrl);
  const own = parseDatabaseUrl(metadataUrl);
  if (target.host === own.host && target.port === own.port && target.database === own.database) {
    throw new AppError('INVALID_CONFIG', "TARGET_DATABASE_URL names Holdfast's own metadata database.", {
      remediation: 'Name the database to back up; the metadata database is kept apart from it.',
    });
  }
  const name = target.database;
  await manager.upsert(
    DatabaseEntity,
    {
      name,
      host: target.host,
      port: target.port,
      databaseName: target.database,
      username: target.user,
      passwordSealed:
        target.password === null
          ? null
          : secrets.seal(target.password, credentialContext(target.host, target.port, target.database)),
      sslMode: target.sslMode,
    },
    ['name'],
  );
}

/** Binds the sealed password to the database it opens: moved to another row it can't be opened. */
function credentialContext(host: string, port: number, database: string): string {
  return `database ${host}:${port}/${database}`;
}
