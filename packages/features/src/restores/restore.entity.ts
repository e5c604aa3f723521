/** The row of a restore. */
import type { DrillResult } from '@holdfast/contracts/drills';
import type {
  ApprovalStatus,
  RestorePlan,
  RestoreStatus,
  RestoreStrategy,
  RestoreType,
  StoredImpact,
} from '@holdfast/contracts/restores';
import {
  bigint,
  boolean,
  generated,
  integer,
  json,
  nullable,
  text,
  timestamp,
  uuid,
} from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';
import { operationColumns, type OperationRow } from '../operations/index.ts';

/** Whose it is stands in a column of its own name. */
type Course = Omit<OperationRow, 'createdBy'>;

export interface RestoreRow extends Course {
  id: number;
  operationId: string;
  displayName: string;
  description: string | null;
  sourceBackupId: number;
  /** The copy to read; null for the backup itself. */
  copyId: string | null;
  sourceFilename: string;
  restoreType: RestoreType;
  strategy: RestoreStrategy;
  /** The registered database whose server and role are used. */
  databaseId: number;
  targetDatabase: string;
  /** Server and database, however they are reached: one restore at a time. */
  targetKey: string;
  preRestoreBackupId: number | null;
  createPreBackup: boolean;
  preBackupWaiverReason: string | null;
  includedTables: string[];
  excludedTables: string[];
  includeIndexes: boolean;
  includeConstraints: boolean;
  includeTriggers: boolean;
  /** What was confirmed; the database lets nobody change it. */
  plan: RestorePlan;
  /** Of the stable part of the validation that was confirmed. */
  reportDigest: string;
  status: RestoreStatus;
  preBackupCompletedAt: Date | null;
  restoreStartedAt: Date | null;
  progressPercent: number;
  currentStep: string | null;
  estimatedTimeRemaining: number | null;
  tablesRestored: number;
  rowsRestored: number;
  dataSize: number;
  errorStep: string | null;
  canRollback: boolean;
  rollbackExpiresAt: Date | null;
  rolledBackAt: Date | null;
  /** The original's name since the swap, until it is dropped. */
  keptDatabase: string | null;
  initiatedBy: string;
  approvalStatus: ApprovalStatus;
  approvalExpiresAt: Date | null;
  approvedBy: string | null;
  rejectedBy: string | null;
  decidedAt: Date | null;
  decisionReason: string | null;
  validationWarnings: string[];
  impactAssessment: StoredImpact;
  verification: DrillResult | null;
  metadata: Record<string, unknown>;
}

const { createdBy: _createdBy, ...course } = operationColumns;

export const RestoreEntity = new EntitySchema<RestoreRow>({
  name: 'Restore',
  tableName: 'restore_operations',
  columns: {
    id: { ...integer('id'), primary: true, generated: 'increment' },
    operationId: generated(uuid('operation_id')),
    displayName: text('display_name'),
    description: nullable(text('description')),
    sourceBackupId: integer('source_backup_id'),
    copyId: nullable(uuid('copy_id')),
    sourceFilename: text('source_filename'),
    restoreType: text('restore_type'),
    strategy: text('strategy'),
    databaseId: integer('database_id'),
    targetDatabase: text('target_database'),
    targetKey: text('target_key'),
    preRestoreBackupId: nullable(integer('pre_restore_backup_id')),
    createPreBackup: boolean('create_pre_backup'),
    preBackupWaiverReason: nullable(text('pre_backup_waiver_reason')),
    includedTables: json('included_tables'),
    excludedTables: json('excluded_tables'),
    includeIndexes: boolean('include_indexes'),
    includeConstraints: boolean('include_constraints'),
    includeTriggers: boolean('include_triggers'),
    plan: json('plan'),
    reportDigest: text('report_digest'),
    status: generated(text('status')),
    ...course,
    preBackupCompletedAt: nullable(timestamp('pre_backup_completed_at')),
    restoreStartedAt: nullable(timestamp('restore_started_at')),
    progressPercent: generated(integer('progress_percent')),
    currentStep: nullable(text('current_step')),
    estimatedTimeRemaining: nullable(integer('estimated_time_remaining')),
    tablesRestored: generated(integer('tables_restored')),
    rowsRestored: generated(bigint('rows_restored')),
    dataSize: generated(bigint('data_size')),
    errorStep: nullable(text('error_step')),
    canRollback: generated(boolean('can_rollback')),
    rollbackExpiresAt: nullable(timestamp('rollback_expires_at')),
    rolledBackAt: nullable(timestamp('rolled_back_at')),
    keptDatabase: nullable(text('kept_database')),
    initiatedBy: uuid('initiated_by'),
    approvalStatus: generated(text('approval_status')),
    approvalExpiresAt: nullable(timestamp('approval_expires_at')),
    approvedBy: nullable(uuid('approved_by')),
    rejectedBy: nullable(uuid('rejected_by')),
    decidedAt: nullable(timestamp('decided_at')),
    decisionReason: nullable(text('decision_reason')),
    validationWarnings: json('validation_warnings'),
    impactAssessment: json('impact_assessment'),
    verification: nullable(json('verification')),
    metadata: generated(json('metadata')),
  },
});
