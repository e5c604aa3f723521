/** The catalogue can be rebuilt from storage, and files made elsewhere become backups that nobody trusts until somebody says so. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { refuseMoves } from './sql/catalogue-status-moves.ts';

const createRebuilds = [
  `CREATE TABLE catalog_rebuilds (
    operation_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    storage_target TEXT NOT NULL,
    accept_unsigned BOOLEAN NOT NULL DEFAULT false,
    status VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    duration INTEGER,
    result JSONB,
    error_message TEXT,
    error_code VARCHAR(50),
    error_remediation TEXT,
    retry_count INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    worker_id TEXT,
    heartbeat_at TIMESTAMPTZ,
    not_before TIMESTAMPTZ,
    cancel_requested_at TIMESTAMPTZ,
    created_by UUID REFERENCES users(user_id),
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT catalog_rebuilds_running_is_claimed CHECK (
      status <> 'running' OR (worker_id IS NOT NULL AND heartbeat_at IS NOT NULL AND attempt > 0)),
    CONSTRAINT catalog_rebuilds_completed_has_result CHECK (status <> 'completed' OR result IS NOT NULL)
  )`,
  `CREATE INDEX idx_catalog_rebuilds_active ON catalog_rebuilds (created_at) WHERE status IN ('pending', 'running')`,
  ...refuseMoves('catalog_rebuilds', {
    pending: ['running', 'failed', 'cancelled'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
  }),
  // Whether a manifest in storage is of a backup that the catalogue has.
  `CREATE INDEX idx_admin_backups_file_path ON admin_backups (file_path) WHERE status <> 'deleted'`,
  // `rebuilt`: known by name alone, from a manifest; nobody has said yet where it is.
  'ALTER TABLE databases DROP CONSTRAINT databases_origin_check',
  `ALTER TABLE databases ADD CONSTRAINT databases_origin_check CHECK (origin IN ('registered', 'environment', 'rebuilt'))`,
];

const addTrust = [
  `ALTER TABLE admin_backups
    ADD COLUMN is_trusted BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN is_manifest_signed BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN import JSONB`,
  `ALTER TABLE admin_backups ADD CONSTRAINT admin_backups_import_has_its_file CHECK (import IS NULL OR source = 'imported')`,
  // Uploaded files, on record before their first byte, so that none is forgotten whatever dies.
  `CREATE TABLE import_uploads (
    path TEXT PRIMARY KEY,
    storage_target TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  )`,
  `CREATE INDEX idx_admin_backups_import_path ON admin_backups ((import->>'path')) WHERE source = 'imported'`,
];

export class RebuildAndImport1764100000600 implements MigrationInterface {
  readonly name = 'RebuildAndImport1764100000600';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...createRebuilds, ...addTrust]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'DROP TABLE import_uploads',
      'ALTER TABLE admin_backups DROP COLUMN import, DROP COLUMN is_manifest_signed, DROP COLUMN is_trusted',
      `UPDATE databases SET origin = 'registered' WHERE origin = 'rebuilt'`,
      'ALTER TABLE databases DROP CONSTRAINT databases_origin_check',
      `ALTER TABLE databases ADD CONSTRAINT databases_origin_check CHECK (origin IN ('registered', 'environment'))`,
      'DROP INDEX idx_admin_backups_file_path',
      'DROP TABLE catalog_rebuilds',
      'DROP FUNCTION catalog_rebuilds_check_status()',
    ]) {
      await runner.query(statement);
    }
  }
}
