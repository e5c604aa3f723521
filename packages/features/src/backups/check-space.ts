/** Before a byte is written: what the backup needs against the free space of its target and the quota of all. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { readSettings } from '../settings/index.ts';
import type { StorageDriver } from '../storage/index.ts';
import type { OperationContext } from '../operations/index.ts';
import type { BackupRow } from './backup.entity.ts';
import { makeRoom } from './make-room.ts';

/** Backups that start at once are measured one after another, each counting what the others are about to write. */
const spaceLock = 7_301_003;

export interface SpaceNeeded {
  readonly row: Pick<BackupRow, 'id'>;
  readonly storage: StorageDriver;
  readonly neededBytes: number;
}

interface Shortage {
  readonly missingBytes: number;
  /** The target that is full; null where the quota of all of them is what is missing. */
  readonly target: string | null;
  readonly detail: string;
}

/** @throws AppError INSUFFICIENT_SPACE that names both figures, once what has expired is gone and it was not enough */
export async function checkSpace(context: OperationContext, needed: SpaceNeeded): Promise<void> {
  const before = await reserve(context, needed);
  if (before === null) {
    return;
  }
  const { target, missingBytes } = before;
  const freed = await makeRoom(context.deps, { neededBytes: missingBytes, target });
  // Another limit may be short as well, so all are looked at once more.
  const after = freed === 0 ? before : await reserve(context, needed);
  if (after !== null) {
    throw new AppError('INSUFFICIENT_SPACE', after.detail);
  }
}

/** Counts the backup in from now on, unless something is short. */
async function reserve({ deps, attempt }: OperationContext, needed: SpaceNeeded): Promise<Shortage | null> {
  return await deps.source.transaction(async (manager) => {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [spaceLock]);
    const shortage = (await quotaShortage(manager, needed)) ?? (await targetShortage(manager, needed));
    if (shortage === null) {
      await manager.query(
        `UPDATE admin_backups SET estimated_bytes = $3 WHERE id = $1 AND attempt = $2 AND status = 'running'`,
        [needed.row.id, attempt, needed.neededBytes],
      );
    }
    return shortage;
  });
}

async function quotaShortage(
  manager: EntityManager,
  { row, neededBytes }: SpaceNeeded,
): Promise<Shortage | null> {
  const { maxStorageSize } = await readSettings(manager);
  const [{ used }] = (await manager.query(
    `SELECT (COALESCE(sum(file_size) FILTER (WHERE status <> 'running'), 0)
       + COALESCE(sum(estimated_bytes) FILTER (WHERE status = 'running' AND id <> $1), 0))::float8 AS used
     FROM admin_backups WHERE status IN ('completed', 'deleting', 'running')`,
    [row.id],
  )) as [{ used: number }];
  const left = Math.max(0, maxStorageSize - used);
  return neededBytes <= left
    ? null
    : {
        missingBytes: neededBytes - left,
        target: null,
        detail: `The backup needs about ${neededBytes} bytes; of the ${maxStorageSize} of max_storage_size ${left} are left.`,
      };
}

async function targetShortage(
  manager: EntityManager,
  { row, storage, neededBytes }: SpaceNeeded,
): Promise<Shortage | null> {
  const freeBytes = await storage.freeBytes();
  if (freeBytes === null) {
    return null;
  }
  const left = Math.max(0, freeBytes - (await stillToCome(manager, storage, row.id)));
  return neededBytes <= left
    ? null
    : {
        missingBytes: neededBytes - left,
        target: storage.target,
        detail: `The backup needs about ${neededBytes} bytes; ${storage.target} has ${left} left.`,
      };
}

/** What the others that run will yet write there: their estimate less what they have written already. */
async function stillToCome(manager: EntityManager, storage: StorageDriver, ownId: number): Promise<number> {
  const others = (await manager.query(
    `SELECT file_path AS path, attempt, estimated_bytes::float8 AS estimated FROM admin_backups
     WHERE status = 'running' AND storage_target = $1 AND id <> $2 AND estimated_bytes IS NOT NULL`,
    [storage.target, ownId],
  )) as { path: string; attempt: number; estimated: number }[];
  if (others.length === 0) {
    return 0;
  }
  const partials = await storage.listPartials();
  return others.reduce((sum, { path, attempt, estimated }) => {
    const written = partials.find((partial) => partial.path === path && partial.attempt === attempt);
    return sum + Math.max(0, estimated - (written?.sizeBytes ?? 0));
  }, 0);
}
