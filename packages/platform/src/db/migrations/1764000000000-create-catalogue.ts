/** The first schema: the specification's four tables, users, and what the operations around them need. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createAccessTables, createBackupTables } from './sql/catalogue-backups.ts';
import { createIndexes } from './sql/catalogue-indexes.ts';
import { createOperationTables } from './sql/catalogue-operations.ts';
import { createStatusMoves, dropStatusMoves } from './sql/catalogue-status-moves.ts';

const tables = [
  'idempotency_keys',
  'confirmation_tokens',
  'schedule_runs',
  'notification_deliveries',
  'notification_channels',
  'audit_log',
  'drills',
  'restore_operations',
  'backup_settings',
  'admin_backups',
  'backup_schedules',
  'databases',
  'api_keys',
  'user_sessions',
  'users',
];

export class CreateCatalogue1764000000000 implements MigrationInterface {
  readonly name = 'CreateCatalogue1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ...createAccessTables,
      ...createBackupTables,
      ...createOperationTables,
      ...createIndexes,
      ...createStatusMoves,
    ]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    // The two tables refer to each other, so neither could go first.
    await runner.query('ALTER TABLE backup_schedules DROP CONSTRAINT backup_schedules_last_backup_id_fkey');
    for (const table of tables) {
      await runner.query(`DROP TABLE ${table}`);
    }
    for (const statement of dropStatusMoves) {
      await runner.query(statement);
    }
  }
}
