/** Command: accept a rebuild of the catalogue from the manifests of a storage target. */
import type { RebuildCatalog } from '@holdfast/contracts/catalog';
import { type Actor, recordAudit } from '../../audit/index.ts';
import { enqueueAttempt, publishOperationEvent, type RequestDeps } from '../../operations/index.ts';
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
  const id = await deps.source.transaction(async (manager) => {
    const target = input.storageTarget ?? (await readSettings(manager)).storageLocation;
    const row = {
      storageTarget: deps.storage.canonical(target),
      acceptUnsigned: input.acceptUnsigned ?? false,
      createdBy: actor.userId,
    };
    const inserted = await manager.insert(RebuildEntity, row);
    const { operationId } = inserted.identifiers[0] as { operationId: string };
    await recordAudit(manager, actor, {
      action: 'rebuild.create',
      subjectType: 'rebuild',
      subjectId: operationId,
      outcome: 'succeeded',
      after: { storageTarget: row.storageTarget, acceptUnsigned: row.acceptUnsigned },
    });
    return operationId;
  });
  const ref = { kind: 'rebuild', id } as const;
  await enqueueAttempt(deps.queues, { ...ref, attempt: 1, delayMs: 0 }).catch((error: unknown) => {
    deps.logger.warn(
      { error, rebuild: id },
      'the rebuild is accepted but not queued yet; the reconciler does it',
    );
  });
  await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
  return id;
}
