/** Command: keep what was proved of the stored bytes, on the backup or on the copy of it that was read. */
import type { ProofLevel } from '@holdfast/contracts/proof-levels';
import { type EntityManager, IsNull, Not } from 'typeorm';
import { BackupEntity } from './backup.entity.ts';
import { BackupCopyEntity } from './copies/copy.entity.ts';

export interface StoredPlace {
  readonly backupId: number;
  /** Null for the backup itself. */
  readonly copyId: string | null;
}

export interface Proof {
  readonly level: ProofLevel;
  readonly at: Date;
  /** Whether every byte was read, so that damage seen before is no more. */
  readonly isWhole: boolean;
}

/** A drill proved more than a verification, and when it did is worth knowing: it stays. */
export async function recordProof(
  manager: EntityManager,
  { backupId, copyId }: StoredPlace,
  { level, at, isWhole }: Proof,
): Promise<void> {
  const proved = { proofLevel: level, provedAt: at };
  const weaker = level === 'restored' ? {} : { proofLevel: Not<ProofLevel>('restored') };
  const whole = { damagedAt: null, damage: null };
  if (copyId === null) {
    const row = { id: backupId, status: 'completed' as const };
    await manager.update(BackupEntity, { ...row, ...weaker }, proved);
    if (isWhole) {
      await manager.update(BackupEntity, { ...row, damagedAt: Not(IsNull()) }, whole);
    }
    return;
  }
  const row = { id: copyId, status: 'completed' as const };
  await manager.update(BackupCopyEntity, { ...row, ...weaker }, proved);
  if (isWhole) {
    await manager.update(BackupCopyEntity, { ...row, damagedAt: Not(IsNull()) }, whole);
  }
}
