/** Door of the settings feature. */
export { readSettings } from './read-settings.ts';
export { seedStorageLocation } from './seed-storage-location.ts';
export { SettingsEntity, type SettingsRow } from './settings.entity.ts';
