/** A backup's row says where its bytes lie and how many are expected; a database may have a storage of its own. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = [
  // Null until the first attempt has chosen; of backups from before, until the API says where HOLDFAST_STORAGE was.
  'ALTER TABLE admin_backups ALTER storage_target DROP NOT NULL, ALTER storage_target DROP DEFAULT',
  `UPDATE admin_backups SET storage_target = NULL WHERE storage_target = 'local'`,
  'ALTER TABLE admin_backups ADD estimated_bytes BIGINT',
  'ALTER TABLE databases ADD storage_location TEXT',
  // The targets in use, one after another, and what of one target may be cleaned up.
  `CREATE INDEX idx_admin_backups_storage_target ON admin_backups (storage_target, expires_at)
    WHERE status <> 'deleted' AND storage_target IS NOT NULL`,
];

const down = [
  'DROP INDEX idx_admin_backups_storage_target',
  'ALTER TABLE databases DROP storage_location',
  'ALTER TABLE admin_backups DROP estimated_bytes',
  `UPDATE admin_backups SET storage_target = 'local' WHERE storage_target IS NULL`,
  `ALTER TABLE admin_backups ALTER storage_target SET DEFAULT 'local', ALTER storage_target SET NOT NULL`,
];

export class StorageTargets1764100000200 implements MigrationInterface {
  readonly name = 'StorageTargets1764100000200';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) {
      await runner.query(statement);
    }
  }
}
