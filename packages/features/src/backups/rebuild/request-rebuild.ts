/** Command: accept a rebuild of the catalogue from the manifests of a storage target. */
import type { RebuildCatalog } from '@holdfast/contracts/catalog';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../../audit/index.ts';
import { acceptOperation, type AcceptedRow, type RequestDeps } from '../../operations/index.ts';
import { readSettings } from '../../settings/index.ts';
import type { StorageTargets } from '../../storage/index.ts';
import { RebuildEntity } from './rebuild.entity.ts';

export interface RequestRebuildDeps extends RequestDeps {
  readonly storage: StorageTargets;
}

/**
 * Any target may be named: whoever may do this may configure one too, and it is only read.
 * @throws AppError INVALID_CONFIG
 */
export async function requestRebuild(
  deps: RequestRebuildDeps,
  input: RebuildCatalog,
  actor: Actor,
): Promise<string> {
  const insert = async (manager: EntityManager): Promise<AcceptedRow> => {
    const target = input.storageTarget ?? (await readSettings(manager)).storageLocation;
    const row = {
      storageTarget: deps.storage.canonical(target),
      acceptUnsigned: input.acceptUnsigned ?? false,
      createdBy: actor.userId,
    };
    const inserted = await manager.insert(RebuildEntity, row);
    const { operationId } = inserted.identifiers[0] as { operationId: string };
    const { storageTarget, acceptUnsigned } = row;
    return { id: operationId, details: { storageTarget, acceptUnsigned } };
  };
  return await acceptOperation(deps, 'rebuild', { actor, insert });
}
