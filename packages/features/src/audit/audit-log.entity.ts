/** One line of the audit trail. */
import { bigint, generated, json, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface AuditLogRow {
  id: number;
  occurredAt: Date;
  actorId: string | null;
  actorName: string | null;
  action: string;
  subjectType: string;
  subjectId: string | null;
  outcome: 'succeeded' | 'failed' | 'refused';
  address: string | null;
  requestId: string | null;
  before: object | null;
  after: object | null;
}

export const AuditLogEntity = new EntitySchema<AuditLogRow>({
  name: 'AuditLog',
  tableName: 'audit_log',
  columns: {
    id: { ...bigint('id'), primary: true, generated: 'increment' },
    occurredAt: generated(timestamp('occurred_at')),
    actorId: nullable(uuid('actor_id')),
    actorName: nullable(text('actor_name')),
    action: text('action'),
    subjectType: text('subject_type'),
    subjectId: nullable(text('subject_id')),
    outcome: text('outcome'),
    address: nullable(text('address')),
    requestId: nullable(text('request_id')),
    before: nullable(json('before')),
    after: nullable(json('after')),
  },
});
