/**
 * Each attempt publishes under a name of its own. A worker may be frozen at any instruction and go on after another has completed the backup:
 * what it still links or removes then is never the file that the row names.
 */
import path from 'node:path';
import { FencedError, type OperationContext } from '../operations/index.ts';
import type { StorageDriver } from '../storage/index.ts';
import { pathOfAttempt } from './backup-path.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { filesBeside } from './stored-files.ts';

/** The row with the names of this attempt, recorded before the first byte. @throws FencedError */
export async function takeOwnName(
  context: OperationContext,
  row: BackupRow,
  storage: StorageDriver,
): Promise<BackupRow> {
  const { deps, attempt } = context;
  const filePath = pathOfAttempt(row.filePath, attempt);
  const named = { filePath, filename: path.posix.basename(filePath) };
  const { affected } = await deps.source.manager.update(
    BackupEntity,
    { id: row.id, attempt, status: 'running' },
    named,
  );
  if (affected !== 1) {
    throw new FencedError('the operation is no longer ours');
  }
  context.onEnd(async (isCompleted) => {
    if (!isCompleted) {
      await removeUnlessCompleted(context, storage, filePath);
    }
  });
  return { ...row, ...named };
}

/** Everything of the attempts before this one, which have lost for good: what they were writing, and what they may have published. */
export async function removeEarlierFiles(
  { attempt }: OperationContext,
  row: BackupRow,
  storage: StorageDriver,
): Promise<void> {
  const earlier = new Set<string>();
  for (let number = 1; number < attempt; number += 1) {
    for (const file of filesBeside(pathOfAttempt(row.filePath, number))) {
      earlier.add(file);
    }
  }
  for (const partial of await storage.listPartials()) {
    if (earlier.has(partial.path)) {
      await storage.removePartial(partial);
    }
  }
  for (const file of earlier) {
    await storage.remove(file);
  }
}

/** An attempt that published and then lost takes its files away again; the lock waits for a COMMIT whose answer was lost. */
export async function removeUnlessCompleted(
  { deps, ref }: OperationContext,
  storage: StorageDriver,
  filePath: string,
): Promise<void> {
  await deps.source.transaction(async (manager) => {
    const standing = await manager.findOne(BackupEntity, {
      where: { id: Number(ref.id) },
      select: { id: true, status: true, filePath: true },
      lock: { mode: 'pessimistic_read' },
    });
    if (standing?.status === 'completed' && standing.filePath === filePath) {
      return;
    }
    for (const file of filesBeside(filePath)) {
      await storage.remove(file);
    }
  });
}
