/** Command: keep on the row of a backup that its stored file was seen damaged, whoever saw it. */
import type { EntityManager } from 'typeorm';
import { BackupEntity } from './backup.entity.ts';

export interface SeenDamage {
  readonly at: Date;
  readonly what: string;
}

/** Seen is seen: until a later verification finds the file whole again, nobody should rely on the backup. */
export async function recordDamage(
  manager: EntityManager,
  backupId: number,
  { at, what }: SeenDamage,
): Promise<void> {
  await manager.update(BackupEntity, { id: backupId, status: 'completed' }, { damagedAt: at, damage: what });
}
