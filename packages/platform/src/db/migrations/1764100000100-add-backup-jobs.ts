/** How many tables of a backup in directory format are dumped at once. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddBackupJobs1764100000100 implements MigrationInterface {
  readonly name = 'AddBackupJobs1764100000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE admin_backups ADD COLUMN jobs INTEGER NOT NULL DEFAULT 1 CHECK (jobs BETWEEN 1 AND 64)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE admin_backups DROP COLUMN jobs');
  }
}
