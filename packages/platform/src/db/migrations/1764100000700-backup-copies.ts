/** One dump, several destinations: where copies go by default, what a backup was asked for, and a row for each copy. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { refuseMoves } from './sql/catalogue-status-moves.ts';
import { countCopiedBytes, dropCopiedBytesCount } from './sql/copied-bytes.ts';

const policy = `
  ADD COLUMN copy_policy VARCHAR(10) NOT NULL DEFAULT 'all' CHECK (copy_policy IN ('all', 'at_least')),
  ADD COLUMN min_copies INTEGER NOT NULL DEFAULT 1 CHECK (min_copies BETWEEN 0 AND 10)`;

const createCopies = [
  `CREATE TABLE backup_copies (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    backup_id INTEGER NOT NULL REFERENCES admin_backups(id),
    storage_target TEXT NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (
      status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'deleting', 'deleted')),
    file_size BIGINT NOT NULL CHECK (file_size >= 0),
    checksum_sha256 VARCHAR(64),
    proof_level VARCHAR(20) CHECK (proof_level IN ('stored', 'listed', 'restored')),
    proved_at TIMESTAMPTZ,
    damaged_at TIMESTAMPTZ,
    damage TEXT,
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    duration INTEGER,
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
    deleted_at TIMESTAMPTZ,
    CONSTRAINT backup_copies_running_is_claimed CHECK (
      status <> 'running' OR (worker_id IS NOT NULL AND heartbeat_at IS NOT NULL AND attempt > 0)),
    CONSTRAINT backup_copies_completed_is_proven CHECK (
      status <> 'completed' OR (checksum_sha256 IS NOT NULL AND proof_level IS NOT NULL AND proved_at IS NOT NULL AND completed_at IS NOT NULL))
  )`,
  // A place holds one copy of a backup; what was there before and is deleted keeps its row.
  `CREATE UNIQUE INDEX idx_backup_copies_place ON backup_copies (backup_id, storage_target) WHERE status <> 'deleted'`,
  `CREATE INDEX idx_backup_copies_target ON backup_copies (storage_target) WHERE status <> 'deleted'`,
  `CREATE INDEX idx_backup_copies_pending ON backup_copies (created_at) WHERE status = 'pending'`,
  `CREATE INDEX idx_backup_copies_running ON backup_copies (heartbeat_at) WHERE status = 'running'`,
  `CREATE INDEX idx_backup_copies_deleting ON backup_copies (id) WHERE status = 'deleting'`,
  ...refuseMoves('backup_copies', {
    pending: ['running', 'failed', 'cancelled', 'deleting'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
    completed: ['deleting'],
    failed: ['pending', 'deleting'],
    cancelled: ['pending', 'deleting'],
    deleting: ['deleted'],
  }),
  ...countCopiedBytes,
];

const up = [
  `ALTER TABLE backup_settings ADD COLUMN copies JSONB NOT NULL DEFAULT '[]', ${policy}`,
  // Null: what the settings say.
  'ALTER TABLE databases ADD COLUMN copies JSONB',
  // Null until the first attempt has chosen, unless the request named them.
  `ALTER TABLE admin_backups ADD COLUMN copy_targets JSONB, ${policy}`,
  // Where partial files of backups that did not complete may lie.
  `CREATE INDEX idx_admin_backups_unfinished_copies ON admin_backups (id)
    WHERE copy_targets IS NOT NULL AND status IN ('pending', 'running', 'failed', 'cancelled')`,
  ...createCopies,
  'ALTER TABLE verifications ADD COLUMN copy_id UUID REFERENCES backup_copies(id)',
  'ALTER TABLE drills ADD COLUMN copy_id UUID REFERENCES backup_copies(id)',
];

const down = [
  'ALTER TABLE drills DROP COLUMN copy_id',
  'ALTER TABLE verifications DROP COLUMN copy_id',
  ...dropCopiedBytesCount,
  'DROP FUNCTION backup_copies_check_status()',
  'DROP INDEX idx_admin_backups_unfinished_copies',
  'ALTER TABLE admin_backups DROP COLUMN min_copies, DROP COLUMN copy_policy, DROP COLUMN copy_targets',
  'ALTER TABLE databases DROP COLUMN copies',
  'ALTER TABLE backup_settings DROP COLUMN min_copies, DROP COLUMN copy_policy, DROP COLUMN copies',
];

export class BackupCopies1764100000700 implements MigrationInterface {
  readonly name = 'BackupCopies1764100000700';

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
