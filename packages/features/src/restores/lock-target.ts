/** Restores and rollbacks of one target are accepted one after another. */
import type { EntityManager } from 'typeorm';

/** Apart from every other advisory lock of ours, which have one key. */
const targetLock = 7_301_004;

/** Until the transaction ends. */
export async function lockTarget(manager: EntityManager, targetKey: string): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [targetLock, targetKey]);
}
