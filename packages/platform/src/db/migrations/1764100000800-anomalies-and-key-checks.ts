/** Backups that differ from their database's history are marked, until somebody accepts them; and checks of the keys that open encrypted ones. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const createAnomalies = [
  `ALTER TABLE admin_backups
    ADD COLUMN anomalies JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN anomalies_accepted_at TIMESTAMPTZ,
    ADD COLUMN anomalies_accepted_by UUID REFERENCES users(user_id),
    ADD COLUMN anomalies_accepted_reason TEXT,
    ADD CONSTRAINT admin_backups_acceptance_has_reason
      CHECK ((anomalies_accepted_at IS NULL) = (anomalies_accepted_reason IS NULL))`,
  // Whom a file is encrypted for, whatever the order they were named in.
  `CREATE FUNCTION backup_recipient_set(encryption JSONB) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(recipient, ' ' ORDER BY recipient COLLATE "C") FROM jsonb_array_elements_text(encryption->'recipients') recipient $$`,
  // Both at once: each would write the whole table anew.
  `ALTER TABLE admin_backups
    ADD COLUMN is_anomalous BOOLEAN NOT NULL
      GENERATED ALWAYS AS (jsonb_array_length(anomalies) > 0 AND anomalies_accepted_at IS NULL) STORED,
    ADD COLUMN recipient_set TEXT GENERATED ALWAYS AS (backup_recipient_set(encryption)) STORED`,
  // Those that wait to be looked at: few.
  'CREATE INDEX idx_admin_backups_anomalous ON admin_backups (created_at DESC, id DESC) WHERE is_anomalous',
  // What a database came to: of deleted backups too, since their rows stay.
  `CREATE INDEX idx_admin_backups_history ON admin_backups (database_id, backup_type, backup_format, completed_at DESC)
    WHERE checksum_sha256 IS NOT NULL`,
  // The newest good one of a schedule.
  `CREATE INDEX idx_admin_backups_schedule_newest ON admin_backups (schedule_id, completed_at DESC) WHERE status = 'completed'`,
  // The newest of each recipient set, from one set to the next.
  `CREATE INDEX idx_admin_backups_recipient_set ON admin_backups (recipient_set, completed_at DESC)
    WHERE status = 'completed' AND recipient_set IS NOT NULL`,
  // Statistics name the newest good backup, so they change with what makes one good.
  `CREATE FUNCTION admin_backups_note_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     INSERT INTO backup_statistics_notes (stored_bytes) VALUES (0);
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER admin_backups_note_judgement AFTER UPDATE OF anomalies, anomalies_accepted_at, damaged_at, is_trusted ON admin_backups FOR EACH ROW
    WHEN (OLD.is_anomalous IS DISTINCT FROM NEW.is_anomalous OR OLD.is_trusted IS DISTINCT FROM NEW.is_trusted OR (OLD.damaged_at IS NULL) IS DISTINCT FROM (NEW.damaged_at IS NULL))
    EXECUTE FUNCTION admin_backups_note_judgement()`,
];

const createKeyChecks = [
  `CREATE TABLE key_check_requests (
    request_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    status VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'completed', 'failed')),
    created_by UUID REFERENCES users(user_id),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    worker_id TEXT,
    error_code VARCHAR(50),
    error_message TEXT,
    error_remediation TEXT
  )`,
  `CREATE INDEX idx_key_check_requests_pending ON key_check_requests (created_at) WHERE status = 'pending'`,
  // Without a request: the worker's own, at its start and daily.
  `CREATE TABLE key_checks (
    id BIGSERIAL PRIMARY KEY,
    request_id UUID REFERENCES key_check_requests(request_id) ON DELETE CASCADE,
    worker_id TEXT NOT NULL,
    recipient_set TEXT NOT NULL,
    backup_id INTEGER NOT NULL REFERENCES admin_backups(id),
    is_opened BOOLEAN NOT NULL,
    error_code VARCHAR(50),
    error_message TEXT,
    error_remediation TEXT,
    checked_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT key_checks_failure_has_reason CHECK (is_opened = (error_code IS NULL))
  )`,
  'CREATE INDEX idx_key_checks_recipient_set ON key_checks (recipient_set, checked_at DESC)',
  'CREATE INDEX idx_key_checks_request ON key_checks (request_id) WHERE request_id IS NOT NULL',
];

const down = [
  'DROP TABLE key_checks',
  'DROP TABLE key_check_requests',
  'DROP TRIGGER admin_backups_note_judgement ON admin_backups',
  'DROP FUNCTION admin_backups_note_judgement()',
  'DROP INDEX idx_admin_backups_schedule_newest',
  'DROP INDEX idx_admin_backups_history',
  `ALTER TABLE admin_backups
    DROP COLUMN recipient_set,
    DROP COLUMN is_anomalous,
    DROP CONSTRAINT admin_backups_acceptance_has_reason,
    DROP COLUMN anomalies_accepted_reason,
    DROP COLUMN anomalies_accepted_by,
    DROP COLUMN anomalies_accepted_at,
    DROP COLUMN anomalies`,
  'DROP FUNCTION backup_recipient_set(JSONB)',
];

export class AnomaliesAndKeyChecks1764100000800 implements MigrationInterface {
  readonly name = 'AnomaliesAndKeyChecks1764100000800';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...createAnomalies, ...createKeyChecks]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) {
      await runner.query(statement);
    }
  }
}
