/** Writes a line of the audit trail in the caller's transaction, so that a change and its record stand or fall together. */
import type { EntityManager } from 'typeorm';
import { AuditLogEntity, type AuditLogRow } from './audit-log.entity.ts';

/** Who does something, and from where. Null ids stand for Holdfast itself. */
export interface Actor {
  readonly userId: string | null;
  readonly name: string;
  readonly address: string | null;
  readonly requestId: string | null;
}

export const systemActor: Actor = { userId: null, name: 'holdfast', address: null, requestId: null };

export interface AuditEntry extends Pick<AuditLogRow, 'action' | 'subjectType' | 'outcome'> {
  readonly subjectId: string | null;
  readonly before?: object;
  readonly after?: object;
}

export async function recordAudit(manager: EntityManager, actor: Actor, entry: AuditEntry): Promise<void> {
  await manager.insert(AuditLogEntity, {
    actorId: actor.userId,
    actorName: actor.name,
    address: actor.address,
    requestId: actor.requestId,
    action: entry.action,
    subjectType: entry.subjectType,
    subjectId: entry.subjectId,
    outcome: entry.outcome,
    before: entry.before ?? null,
    after: entry.after ?? null,
  });
}
