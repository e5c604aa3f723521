/** Task: name the objects in a stored archive, without their definitions: small enough to keep. */
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import type { BytesMoved } from './bytes-moved.ts';
import { readStoredEntries } from './inspect-stored.ts';
import type { StoredArchive } from './open-decoded.ts';

export interface StoredObject {
  readonly kind: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
}

/** In the archive's order, entry for entry. @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND */
export async function listStoredObjects(
  archive: StoredArchive,
  context: TaskContext<BytesMoved>,
): Promise<StoredObject[]> {
  const entries = await readStoredEntries(archive, context);
  return entries.map(({ description, schema, tag, owner }) => ({
    kind: description,
    schema,
    name: tag,
    owner,
  }));
}
