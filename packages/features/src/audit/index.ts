/** Door of the audit feature. */
export { AuditLogEntity } from './audit-log.entity.ts';
export { type Actor, recordAudit, systemActor } from './record-audit.ts';
