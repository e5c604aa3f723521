/** The registry of databases grows up: names are free again after a deletion, entries know where they come from; and the storage in use is counted. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { countStoredBytes, dropStoredBytesCount } from './sql/stored-bytes.ts';

export class RegistryAndStatistics1764100000300 implements MigrationInterface {
  readonly name = 'RegistryAndStatistics1764100000300';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // `environment`: named by TARGET_DATABASE_URL now, so its connection is changed there. Until now there were no others.
      `ALTER TABLE databases
        ADD COLUMN origin VARCHAR(20) NOT NULL DEFAULT 'registered' CHECK (origin IN ('registered', 'environment')),
        ADD COLUMN ssl_root_cert TEXT,
        DROP CONSTRAINT databases_name_key`,
      `UPDATE databases SET origin = 'environment'`,
      // A deleted entry keeps its row for the backups that name it, not its name.
      'CREATE UNIQUE INDEX idx_databases_name ON databases (name) WHERE deleted_at IS NULL',
      // Whether a database may leave the registry: operations and schedules that need it.
      `CREATE INDEX idx_admin_backups_active ON admin_backups (database_id) WHERE status IN ('pending', 'running')`,
      'CREATE INDEX idx_backup_schedules_database ON backup_schedules (database_id)',
      ...countStoredBytes,
    ]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ...dropStoredBytesCount,
      'DROP INDEX idx_backup_schedules_database',
      'DROP INDEX idx_admin_backups_active',
      'DROP INDEX idx_databases_name',
      // The older schema has one row a name, deleted or not.
      `UPDATE databases SET name = left(name, 200) || ' (entry ' || id || ')' WHERE id NOT IN (
        SELECT DISTINCT ON (name) id FROM databases ORDER BY name, deleted_at DESC NULLS FIRST, id)`,
      `ALTER TABLE databases
        ADD CONSTRAINT databases_name_key UNIQUE (name),
        DROP COLUMN ssl_root_cert,
        DROP COLUMN origin`,
    ]) {
      await runner.query(statement);
    }
  }
}
