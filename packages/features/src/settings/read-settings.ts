/** Reads the settings afresh: a change takes effect with the next use, without a restart. */
import type { DataSource, EntityManager } from 'typeorm';
import { SettingsEntity, type SettingsRow } from './settings.entity.ts';

export async function readSettings(source: DataSource | EntityManager): Promise<SettingsRow> {
  const manager = 'manager' in source ? source.manager : source;
  return await manager.findOneByOrFail(SettingsEntity, { id: 1 });
}
