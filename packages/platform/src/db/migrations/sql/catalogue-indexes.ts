/** SQL of the first schema: every index, each beside the query that it serves. */

export const createIndexes = [
  // Signing in looks a user up by e-mail, whatever its case.
  'CREATE UNIQUE INDEX idx_users_email ON users (lower(email))',
  'CREATE UNIQUE INDEX idx_users_username ON users (lower(username))',
  'CREATE INDEX idx_user_sessions_user ON user_sessions (user_id) WHERE ended_at IS NULL',
  'CREATE UNIQUE INDEX idx_api_keys_key_hash ON api_keys (key_hash)',

  // GET /backups: each filter, newest first; the id breaks ties so that a cursor is exact.
  'CREATE INDEX idx_admin_backups_status ON admin_backups (status, created_at DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_backup_type ON admin_backups (backup_type, created_at DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_source ON admin_backups (source, created_at DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_created_at ON admin_backups (created_at DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_display_name ON admin_backups (display_name, id)',
  'CREATE INDEX idx_admin_backups_file_size ON admin_backups (file_size DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_duration ON admin_backups (duration DESC, id DESC)',
  'CREATE INDEX idx_admin_backups_tags ON admin_backups USING gin (tags jsonb_path_ops)',
  `CREATE INDEX idx_admin_backups_search_gin
    ON admin_backups USING gin (to_tsvector('english', display_name || ' ' || COALESCE(description, '')))`,
  // The newest good backup of a database: estimates, health, retention.
  `CREATE INDEX idx_admin_backups_database ON admin_backups (database_id, completed_at DESC) WHERE status = 'completed'`,
  // The reconciler: what waits, what runs.
  `CREATE INDEX idx_admin_backups_pending ON admin_backups (created_at, id) WHERE status = 'pending'`,
  `CREATE INDEX idx_admin_backups_running ON admin_backups (heartbeat_at) WHERE status = 'running'`,
  `CREATE INDEX idx_admin_backups_deleting ON admin_backups (id) WHERE status = 'deleting'`,
  // A tick of a schedule makes one backup, whatever the queue does.
  'CREATE UNIQUE INDEX idx_admin_backups_tick ON admin_backups (schedule_id, scheduled_for)',
  'CREATE INDEX idx_admin_backups_expires_at ON admin_backups (expires_at) WHERE expires_at IS NOT NULL',

  'CREATE INDEX idx_backup_schedules_is_active ON backup_schedules (is_active)',
  'CREATE INDEX idx_backup_schedules_next_run ON backup_schedules (next_run_at)',
  'CREATE INDEX idx_schedule_runs_backup ON schedule_runs (backup_id)',

  'CREATE INDEX idx_restore_operations_operation_id ON restore_operations (operation_id)',
  'CREATE INDEX idx_restore_operations_status ON restore_operations (status)',
  'CREATE INDEX idx_restore_operations_source_backup ON restore_operations (source_backup_id)',

  'CREATE INDEX idx_drills_backup ON drills (backup_id, created_at DESC)',
  'CREATE INDEX idx_drills_created_at ON drills (created_at DESC, operation_id DESC)',
  `CREATE INDEX idx_drills_pending ON drills (created_at) WHERE status = 'pending'`,
  `CREATE INDEX idx_drills_running ON drills (heartbeat_at) WHERE status = 'running'`,

  'CREATE INDEX idx_audit_log_occurred_at ON audit_log (occurred_at DESC)',
  'CREATE INDEX idx_audit_log_subject ON audit_log (subject_type, subject_id)',
  'CREATE INDEX idx_audit_log_actor ON audit_log (actor_id)',

  `CREATE INDEX idx_notification_deliveries_due ON notification_deliveries (next_attempt_at) WHERE status = 'pending'`,
  'CREATE INDEX idx_confirmation_tokens_expires_at ON confirmation_tokens (expires_at)',
  'CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at)',
];
