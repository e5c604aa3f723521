/** Command: change settings. Whoever uses one reads it afresh, so the change counts from the next use on. */
import type { UpdateSettings } from '@holdfast/contracts/settings';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { SettingsEntity, type SettingsRow } from './settings.entity.ts';

export async function updateSettings(
  source: DataSource,
  changes: UpdateSettings,
  actor: Actor,
): Promise<SettingsRow> {
  return await source.transaction(async (manager) => {
    const before = await manager.findOneOrFail(SettingsEntity, {
      where: { id: 1 },
      lock: { mode: 'pessimistic_write' },
    });
    const changed = Object.entries(changes).filter(
      ([field, value]) => JSON.stringify(before[field as keyof SettingsRow]) !== JSON.stringify(value),
    );
    if (changed.length === 0) {
      return before;
    }
    await manager.update(
      SettingsEntity,
      { id: 1 },
      { ...Object.fromEntries(changed), updatedBy: actor.userId, updatedAt: () => 'clock_timestamp()' },
    );
    await recordAudit(manager, actor, {
      action: 'settings.update',
      subjectType: 'settings',
      subjectId: '1',
      outcome: 'succeeded',
      before: Object.fromEntries(changed.map(([field]) => [field, before[field as keyof SettingsRow]])),
      after: Object.fromEntries(changed),
    });
    return await manager.findOneByOrFail(SettingsEntity, { id: 1 });
  });
}
