/** What a selection leaves out of the rows, globals beside a backup, and what to do when a dump blocks somebody. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SelectionGlobalsPoliteness1764100000500 implements MigrationInterface {
  readonly name = 'SelectionGlobalsPoliteness1764100000500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE admin_backups
      ADD COLUMN excluded_table_data JSONB NOT NULL DEFAULT '[]',
      ADD COLUMN selection_patterns BOOLEAN NOT NULL DEFAULT false,
      ADD COLUMN include_globals BOOLEAN NOT NULL DEFAULT false,
      ADD COLUMN include_role_passwords BOOLEAN NOT NULL DEFAULT false,
      ADD CONSTRAINT admin_backups_passwords_need_globals CHECK (include_globals OR NOT include_role_passwords)`);
    await runner.query(`ALTER TABLE backup_settings
      ADD COLUMN blocking_policy VARCHAR(10) NOT NULL DEFAULT 'yield' CHECK (blocking_policy IN ('yield', 'warn', 'hold')),
      ADD COLUMN blocking_grace INTEGER NOT NULL DEFAULT 30 CHECK (blocking_grace BETWEEN 0 AND 86400)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE backup_settings DROP COLUMN blocking_grace, DROP COLUMN blocking_policy');
    await runner.query(`ALTER TABLE admin_backups DROP CONSTRAINT admin_backups_passwords_need_globals,
      DROP COLUMN include_role_passwords, DROP COLUMN include_globals, DROP COLUMN selection_patterns, DROP COLUMN excluded_table_data`);
  }
}
