/** Holdfast's own metadata database is never a target: a restore of it would erase the record of that very restore. */
import { AppError } from '@holdfast/contracts/errors';
import {
  type DatabaseIdentity,
  isSameDatabase,
  readDatabaseIdentity,
} from '@holdfast/platform/pgtools/database-identity';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import type { DataSource, EntityManager } from 'typeorm';

/**
 * By what both servers say of themselves, whatever name or address leads there.
 * @throws AppError INVALID_CONFIG
 */
export async function refuseOwnDatabase(
  metadata: DataSource | EntityManager,
  session: DatabaseSession,
): Promise<void> {
  const own = await readOwnIdentity(metadata);
  const target = await readDatabaseIdentity((sql) => session.queryOne(sql));
  if (isSameDatabase(own, target)) {
    throw ownDatabaseError();
  }
}

export async function readOwnIdentity(metadata: DataSource | EntityManager): Promise<DatabaseIdentity> {
  return await readDatabaseIdentity(async <Row>(sql: string) => {
    const [row] = (await metadata.query(sql)) as [Row];
    return row;
  });
}

export function ownDatabaseError(): AppError {
  return new AppError('INVALID_CONFIG', "This is Holdfast's own metadata database.", {
    remediation:
      'Name the database to back up. Dump the metadata database with pg_dump by itself, apart from Holdfast.',
  });
}
