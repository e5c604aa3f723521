/** Task: name the objects in a stored archive, without their definitions: small enough to keep. */
import type { TaskContext } from '@holdfast/platform/process/task-thread';
import type { BytesMoved } from './bytes-moved.ts';
import { type ReadEntriesInput, readStoredEntries } from './read-stored-entries.ts';

export interface StoredObject {
  readonly kind: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
}

/** In the archive's order, entry for entry. @throws AppError FILE_CORRUPTION, BACKUP_NOT_FOUND */
export async function listStoredObjects(
  input: ReadEntriesInput,
  { signal }: TaskContext<BytesMoved>,
): Promise<StoredObject[]> {
  const entries = await readStoredEntries(input, signal);
  return entries.map(({ description, schema, tag, owner }) => ({
    kind: description,
    schema,
    name: tag,
    owner,
  }));
}
