/** Command: keep on the row of a backup, or of a copy, that its stored file was seen damaged, whoever saw it. */
import type { EntityManager } from 'typeorm';
import { BackupEntity } from './backup.entity.ts';
import { BackupCopyEntity } from './copies/copy.entity.ts';

export interface SeenDamage {
  readonly at: Date;
  readonly what: string;
  /** The copy that was read; left out: the backup itself. */
  readonly copyId?: string | null;
}

/** Seen is seen: until a later verification finds the file whole again, nobody should rely on it. */
export async function recordDamage(
  manager: EntityManager,
  backupId: number,
  { at, what, copyId = null }: SeenDamage,
): Promise<void> {
  const damage = { damagedAt: at, damage: what };
  if (copyId === null) {
    await manager.update(BackupEntity, { id: backupId, status: 'completed' }, damage);
  } else {
    await manager.update(BackupCopyEntity, { id: copyId, status: 'completed' }, damage);
  }
}
