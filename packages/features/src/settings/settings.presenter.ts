/** The settings as the API answers them. */
import type { SettingsView } from '@holdfast/contracts/settings';
import type { SettingsRow } from './settings.entity.ts';

export function presentSettings(row: SettingsRow): SettingsView {
  const { id: _id, statisticsVersion: _version, lastCleanupAt, updatedAt, ...same } = row;
  return {
    ...same,
    // Closed sets that the schema and the table's own checks keep closed.
    allowedRestoreRoles: row.allowedRestoreRoles as SettingsView['allowedRestoreRoles'],
    allowedBackupRoles: row.allowedBackupRoles as SettingsView['allowedBackupRoles'],
    cleanupFrequency: row.cleanupFrequency as SettingsView['cleanupFrequency'],
    lastCleanupAt: lastCleanupAt?.toISOString() ?? null,
    updatedAt: updatedAt.toISOString(),
  };
}
