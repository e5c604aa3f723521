/** Before a byte is written: what the backup needs against the free space of its target and the quota of all. */
import { AppError } from '@holdfast/contracts/errors';
import type { EntityManager } from 'typeorm';
import { readSettings } from '../settings/index.ts';
import type { StorageDriver } from '../storage/index.ts';
import type { OperationContext } from '../operations/index.ts';
import { makeRoom } from './make-room.ts';

/** Backups that start at once are measured one after another, each counting what the others are about to write. */
const spaceLock = 7_301_003;

export interface SpaceNeeded {
  /** A backup that runs, or a copy that is made up for. */
  readonly owner:
    | { readonly kind: 'backup'; readonly id: number }
    | { readonly kind: 'copy'; readonly id: string };
  readonly storage: StorageDriver;
  readonly neededBytes: number;
  /** Of the quota, what the same backup is about to write to other targets. */
  readonly reservedBytes: number;
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
    if (shortage === null && needed.owner.kind === 'backup') {
      await manager.query(
        `UPDATE admin_backups SET estimated_bytes = $3 WHERE id = $1 AND attempt = $2 AND status = 'running'`,
        [needed.owner.id, attempt, needed.neededBytes],
      );
    }
    return shortage;
  });
}

async function quotaShortage(
  manager: EntityManager,
  { owner, neededBytes, reservedBytes }: SpaceNeeded,
): Promise<Shortage | null> {
  const { maxStorageSize } = await readSettings(manager);
  const [{ used }] = (await manager.query(
    `SELECT (COALESCE(sum(file_size) FILTER (WHERE status <> 'running'), 0)
       + COALESCE(sum(estimated_bytes * (1 + COALESCE(jsonb_array_length(copy_targets), 0)))
           FILTER (WHERE status = 'running' AND id IS DISTINCT FROM $1::int), 0)
       + (SELECT COALESCE(sum(file_size), 0) FROM backup_copies
          WHERE status IN ('pending', 'running', 'completed', 'deleting') AND id IS DISTINCT FROM $2::uuid))::float8 AS used
     FROM admin_backups WHERE status IN ('completed', 'deleting', 'running')`,
    ownIds(owner),
  )) as [{ used: number }];
  const left = Math.max(0, maxStorageSize - used - reservedBytes);
  return neededBytes <= left
    ? null
    : {
        missingBytes: neededBytes - left,
        target: null,
        detail: `The ${owner.kind} needs about ${neededBytes} bytes; of the ${maxStorageSize} of max_storage_size ${left} are left.`,
      };
}

async function targetShortage(
  manager: EntityManager,
  { owner, storage, neededBytes }: SpaceNeeded,
): Promise<Shortage | null> {
  const freeBytes = await storage.freeBytes();
  if (freeBytes === null) {
    return null;
  }
  const left = Math.max(0, freeBytes - (await stillToCome(manager, storage, owner)));
  return neededBytes <= left
    ? null
    : {
        missingBytes: neededBytes - left,
        target: storage.target,
        detail: `The ${owner.kind} needs about ${neededBytes} bytes; ${storage.target} has ${left} left.`,
      };
}

/** What the others that run will yet write there: their estimate less what they have written already. */
async function stillToCome(
  manager: EntityManager,
  storage: StorageDriver,
  owner: SpaceNeeded['owner'],
): Promise<number> {
  const others = (await manager.query(
    `SELECT file_path AS path, attempt, estimated_bytes::float8 AS estimated FROM admin_backups
     WHERE status = 'running' AND (storage_target = $3 OR copy_targets ? $3) AND id IS DISTINCT FROM $1::int
       AND estimated_bytes IS NOT NULL
     UNION ALL
     SELECT backup.file_path, copy.attempt, copy.file_size::float8
     FROM backup_copies copy JOIN admin_backups backup ON backup.id = copy.backup_id
     WHERE copy.status = 'running' AND copy.storage_target = $3 AND copy.id IS DISTINCT FROM $2::uuid`,
    [...ownIds(owner), storage.target],
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

/** Of a backup and of a copy; null for what the owner is not. */
function ownIds({ kind, id }: SpaceNeeded['owner']): [number | null, string | null] {
  return kind === 'backup' ? [id, null] : [null, id];
}
