/** An entry as the API answers it and as the audit trail keeps it: never with its password, open or sealed. */
import type { DatabaseView } from '@holdfast/contracts/databases';
import type { SslMode } from '@holdfast/platform/pgtools/database-address';
import type { DatabaseRow } from './database.entity.ts';

export function presentDatabase(row: DatabaseRow): DatabaseView {
  const { passwordSealed, createdAt, updatedAt, deletedAt: _deletedAt, sslMode, ...same } = row;
  return {
    ...same,
    sslMode: sslMode as SslMode,
    hasPassword: passwordSealed !== null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** What an audit line says of it. */
export function describeDatabase(row: DatabaseRow): Record<string, unknown> {
  const {
    id: _id,
    createdBy: _by,
    updatedBy: _up,
    createdAt: _at,
    updatedAt: _changed,
    ...said
  } = presentDatabase(row);
  return said;
}
