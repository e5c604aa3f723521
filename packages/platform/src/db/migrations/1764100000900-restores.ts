/** Restores: what the worker carries out, who approved it, one at a time for a target; and rollbacks as operations of their own. */
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { refuseMoves } from './sql/catalogue-status-moves.ts';

const extendRestores = [
  // No version before this one wrote a restore.
  `ALTER TABLE restore_operations
    ALTER COLUMN created_at TYPE TIMESTAMPTZ(3),
    ALTER COLUMN source_backup_id SET NOT NULL,
    ALTER COLUMN target_database SET NOT NULL,
    ALTER COLUMN database_id SET NOT NULL,
    ALTER COLUMN strategy SET NOT NULL,
    ALTER COLUMN initiated_by SET NOT NULL,
    ALTER COLUMN can_rollback SET DEFAULT false,
    ADD COLUMN copy_id UUID REFERENCES backup_copies(id),
    ADD COLUMN plan JSONB NOT NULL,
    ADD COLUMN target_key TEXT NOT NULL,
    ADD COLUMN report_digest VARCHAR(64) NOT NULL,
    ADD COLUMN pre_backup_waiver_reason TEXT,
    ADD COLUMN kept_database TEXT,
    ADD COLUMN error_remediation TEXT,
    ADD COLUMN retry_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN approval_status VARCHAR(20) NOT NULL DEFAULT 'not_required'
      CHECK (approval_status IN ('not_required', 'awaiting', 'approved', 'rejected', 'expired')),
    ADD COLUMN approval_expires_at TIMESTAMPTZ,
    ADD COLUMN rejected_by UUID REFERENCES users(user_id),
    ADD COLUMN decided_at TIMESTAMPTZ,
    ADD COLUMN decision_reason TEXT,
    ADD CONSTRAINT restore_operations_running_is_claimed CHECK (
      status NOT IN ('pre_backup', 'restoring') OR (worker_id IS NOT NULL AND heartbeat_at IS NOT NULL AND attempt > 0)),
    ADD CONSTRAINT restore_operations_runs_once_approved CHECK (
      status NOT IN ('pre_backup', 'restoring', 'completed') OR approval_status IN ('not_required', 'approved')),
    ADD CONSTRAINT restore_operations_approval_has_approver CHECK (
      (approval_status = 'approved') = (approved_by IS NOT NULL) AND (approval_status = 'rejected') = (rejected_by IS NOT NULL)),
    ADD CONSTRAINT restore_operations_decision_has_reason CHECK (
      approval_status NOT IN ('approved', 'rejected') OR (decided_at IS NOT NULL AND decision_reason IS NOT NULL)),
    ADD CONSTRAINT restore_operations_decided_in_time CHECK (
      approval_status = 'not_required'
      OR (approval_expires_at IS NOT NULL AND (approval_status <> 'approved' OR decided_at <= approval_expires_at))),
    ADD CONSTRAINT restore_operations_waiver_has_reason CHECK (
      create_pre_backup OR strategy = 'new_database' OR pre_backup_waiver_reason IS NOT NULL)`,
  // Two restores of one target can't both be wanted.
  `CREATE UNIQUE INDEX idx_restore_operations_target ON restore_operations (target_key)
    WHERE status IN ('pending', 'pre_backup', 'restoring')`,
  'CREATE INDEX idx_restore_operations_created_at ON restore_operations (created_at DESC, operation_id DESC)',
  `CREATE INDEX idx_restore_operations_running ON restore_operations (heartbeat_at) WHERE status IN ('pre_backup', 'restoring')`,
  `CREATE INDEX idx_restore_operations_pending ON restore_operations (created_at) WHERE status = 'pending'`,
  `CREATE INDEX idx_restore_operations_pre_backup ON restore_operations (pre_restore_backup_id)
    WHERE pre_restore_backup_id IS NOT NULL`,
  ...refuseMoves('restore_operations', {
    pending: ['pre_backup', 'failed', 'cancelled'],
    pre_backup: ['restoring', 'failed', 'cancelled', 'pending'],
    restoring: ['completed', 'failed', 'cancelled', 'pending'],
  }),
  // Four eyes hold for what was asked for: neither who asked nor what is done may be exchanged, nor a decision taken back.
  `CREATE FUNCTION restore_operations_check_approval() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF NEW.initiated_by <> OLD.initiated_by OR NEW.plan <> OLD.plan OR NEW.source_backup_id <> OLD.source_backup_id
        OR NEW.target_key <> OLD.target_key THEN
       RAISE EXCEPTION 'what was confirmed cannot change' USING ERRCODE = 'check_violation';
     END IF;
     IF NEW.approval_status <> OLD.approval_status AND NOT (
          OLD.approval_status = 'awaiting' AND NEW.approval_status IN ('approved', 'rejected', 'expired')) THEN
       RAISE EXCEPTION 'approval % cannot become %', OLD.approval_status, NEW.approval_status USING ERRCODE = 'check_violation';
     END IF;
     IF OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by THEN
       RAISE EXCEPTION 'an approval cannot change hands' USING ERRCODE = 'check_violation';
     END IF;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER restore_operations_check_approval BEFORE UPDATE ON restore_operations FOR EACH ROW
    EXECUTE FUNCTION restore_operations_check_approval()`,
];

const createRollbacks = [
  `CREATE TABLE restore_rollbacks (
    operation_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    restore_operation_id UUID NOT NULL REFERENCES restore_operations(operation_id),
    target_key TEXT NOT NULL,
    method VARCHAR(30) NOT NULL CHECK (method IN ('swap_back', 'drop_database')),
    reason TEXT NOT NULL,
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
    created_by UUID NOT NULL REFERENCES users(user_id),
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT restore_rollbacks_running_is_claimed CHECK (
      status <> 'running' OR (worker_id IS NOT NULL AND heartbeat_at IS NOT NULL AND attempt > 0)),
    CONSTRAINT restore_rollbacks_completed_has_result CHECK (status <> 'completed' OR result IS NOT NULL)
  )`,
  // A restore is undone once.
  `CREATE UNIQUE INDEX idx_restore_rollbacks_restore ON restore_rollbacks (restore_operation_id)
    WHERE status IN ('pending', 'running', 'completed')`,
  `CREATE INDEX idx_restore_rollbacks_active ON restore_rollbacks (created_at) WHERE status IN ('pending', 'running')`,
  ...refuseMoves('restore_rollbacks', {
    pending: ['running', 'failed', 'cancelled'],
    running: ['completed', 'failed', 'cancelled', 'pending'],
  }),
];

const down = [
  'DROP TABLE restore_rollbacks',
  'DROP FUNCTION restore_rollbacks_check_status()',
  'DROP TRIGGER restore_operations_check_approval ON restore_operations',
  'DROP FUNCTION restore_operations_check_approval()',
  'DROP TRIGGER restore_operations_check_status ON restore_operations',
  'DROP FUNCTION restore_operations_check_status()',
  'DROP INDEX idx_restore_operations_pre_backup',
  'DROP INDEX idx_restore_operations_pending',
  'DROP INDEX idx_restore_operations_running',
  'DROP INDEX idx_restore_operations_created_at',
  'DROP INDEX idx_restore_operations_target',
  `ALTER TABLE restore_operations
    DROP CONSTRAINT restore_operations_waiver_has_reason,
    DROP CONSTRAINT restore_operations_decided_in_time,
    DROP CONSTRAINT restore_operations_decision_has_reason,
    DROP CONSTRAINT restore_operations_approval_has_approver,
    DROP CONSTRAINT restore_operations_runs_once_approved,
    DROP CONSTRAINT restore_operations_running_is_claimed,
    DROP COLUMN decision_reason, DROP COLUMN decided_at, DROP COLUMN rejected_by, DROP COLUMN approval_expires_at,
    DROP COLUMN approval_status, DROP COLUMN retry_count, DROP COLUMN error_remediation, DROP COLUMN kept_database,
    DROP COLUMN pre_backup_waiver_reason, DROP COLUMN report_digest, DROP COLUMN target_key, DROP COLUMN plan, DROP COLUMN copy_id,
    ALTER COLUMN can_rollback SET DEFAULT true,
    ALTER COLUMN initiated_by DROP NOT NULL,
    ALTER COLUMN strategy DROP NOT NULL,
    ALTER COLUMN database_id DROP NOT NULL,
    ALTER COLUMN target_database DROP NOT NULL,
    ALTER COLUMN source_backup_id DROP NOT NULL,
    ALTER COLUMN created_at TYPE TIMESTAMPTZ`,
];

export class Restores1764100000900 implements MigrationInterface {
  readonly name = 'Restores1764100000900';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...extendRestores, ...createRollbacks]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) {
      await runner.query(statement);
    }
  }
}
