/** The entry of a database that a manifest names; where the registry has none, one that waits for its connection. */
import { type EntityManager, IsNull } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { DatabaseEntity } from './database.entity.ts';

export interface AdoptedDatabase {
  readonly id: number;
  readonly isNew: boolean;
}

/** A name that no resolver ever knows (RFC 2606): using the entry says that it can't be reached, and nothing else happens. */
const unknownHost = 'unknown.invalid';

/** Of several with the same name on different servers: the one registered first. */
export async function adoptDatabase(manager: EntityManager, databaseName: string): Promise<AdoptedDatabase> {
  await manager.query('LOCK TABLE databases IN SHARE ROW EXCLUSIVE MODE');
  const found = await manager.findOne(DatabaseEntity, {
    where: { databaseName, deletedAt: IsNull() },
    order: { id: 'ASC' },
  });
  if (found !== null) {
    return { id: found.id, isNew: false };
  }
  const isTaken = await manager.existsBy(DatabaseEntity, { name: databaseName, deletedAt: IsNull() });
  const entry = {
    name: isTaken ? `${databaseName} (rebuilt)` : databaseName,
    host: unknownHost,
    port: 5432,
    databaseName,
    username: 'unknown',
    sslMode: 'prefer',
    origin: 'rebuilt' as const,
  };
  const inserted = await manager.insert(DatabaseEntity, entry);
  const { id } = inserted.identifiers[0] as { id: number };
  await recordAudit(manager, systemActor, {
    action: 'database.create',
    subjectType: 'database',
    subjectId: String(id),
    outcome: 'succeeded',
    after: entry,
  });
  return { id, isNew: true };
}
