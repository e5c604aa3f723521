/** Verifications, downloads, what is known to be damaged, and lists of a million backups that answer at once. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { countBackups, stopCountingBackups } from './sql/backup-counts.ts';
import { refuseMoves } from './sql/catalogue-status-moves.ts';

const createVerifications = [
  `CREATE TABLE verifications (
    operation_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    backup_id INTEGER NOT NULL REFERENCES admin_backups(id),
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
    CONSTRAINT verifications_running_is_claimed CHECK (
      status <> 'running' OR (worker_id IS NOT NULL AND heartbeat_at IS NOT NULL AND attempt > 0)),
    CONSTRAINT verifications_completed_has_result CHECK (status <> 'completed' OR result IS NOT NULL)
  )`,
  'CREATE INDEX idx_verifications_backup ON verifications (backup_id, created_at DESC)',
  'CREATE INDEX idx_verifications_created_at ON verifications (created_at DESC, operation_id DESC)',
  `CREATE INDEX idx_verifications_pending ON verifications (created_at) WHERE status = 'pending'`,
  `CREATE INDEX idx_verifications_running ON verifications (heartbeat_at) WHERE status = 'running'`,
  ...refuseMoves('verifications', {
    pending: ['running', 'failed', 'cancelled'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
  }),
  // A file found damaged: its row is no longer a backup to rely on, though nothing else about it has changed.
  'ALTER TABLE admin_backups ADD COLUMN damaged_at TIMESTAMPTZ, ADD COLUMN damage TEXT',
];

const createDownloads = [
  `CREATE TABLE download_tokens (
    token_hash VARCHAR(64) PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users(user_id) ON DELETE CASCADE,
    backup_id INTEGER NOT NULL REFERENCES admin_backups(id),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMPTZ NOT NULL,
    claimed_at TIMESTAMPTZ,
    claimed_by VARCHAR(64),
    CONSTRAINT download_tokens_claim_has_client CHECK ((claimed_at IS NULL) = (claimed_by IS NULL))
  )`,
  'CREATE INDEX idx_download_tokens_expires_at ON download_tokens (expires_at)',
  // While one is held its file is not deleted; an API process that dies stops renewing it.
  `CREATE TABLE download_leases (
    lease_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    backup_id INTEGER NOT NULL REFERENCES admin_backups(id),
    token_hash VARCHAR(64) REFERENCES download_tokens(token_hash) ON DELETE CASCADE,
    held_until TIMESTAMPTZ NOT NULL
  )`,
  'CREATE INDEX idx_download_leases_backup ON download_leases (backup_id)',
];

/** The words of a row are split once, when it is written, instead of each time a search walks over it. */
const speedUpLists = [
  `ALTER TABLE admin_backups ADD COLUMN search_vector tsvector
    GENERATED ALWAYS AS (to_tsvector('english', display_name || ' ' || COALESCE(description, ''))) STORED`,
  'DROP INDEX idx_admin_backups_search_gin',
  'CREATE INDEX idx_admin_backups_search_gin ON admin_backups USING gin (search_vector)',
  'DROP INDEX idx_admin_backups_duration',
  'CREATE INDEX idx_admin_backups_duration ON admin_backups ((COALESCE(duration, -1)) DESC, id DESC)',
];

const slowListsDown = [
  'DROP INDEX idx_admin_backups_duration',
  'CREATE INDEX idx_admin_backups_duration ON admin_backups (duration DESC, id DESC)',
  'ALTER TABLE admin_backups DROP COLUMN search_vector',
  `CREATE INDEX idx_admin_backups_search_gin
    ON admin_backups USING gin (to_tsvector('english', display_name || ' ' || COALESCE(description, '')))`,
];

export class ProveAndDeliver1764100000400 implements MigrationInterface {
  readonly name = 'ProveAndDeliver1764100000400';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...createVerifications, ...createDownloads, ...speedUpLists, ...countBackups]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ...stopCountingBackups,
      ...slowListsDown,
      'DROP TABLE download_leases',
      'DROP TABLE download_tokens',
      'ALTER TABLE admin_backups DROP COLUMN damaged_at, DROP COLUMN damage',
      'DROP TABLE verifications',
      'DROP FUNCTION verifications_check_status()',
    ]) {
      await runner.query(statement);
    }
  }
}
