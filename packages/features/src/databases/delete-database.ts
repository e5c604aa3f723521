/** Command: take a database out of the registry. Its row stays for the backups that name it; its credentials go at once. */
import { AppError } from '@holdfast/contracts/errors';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { activeOperations, activeSchedules } from './active-operations.ts';
import { DatabaseEntity } from './database.entity.ts';
import { describeDatabase } from './database.presenter.ts';
import { findEntry } from './find-entry.ts';

/** @throws AppError NOT_FOUND, IN_USE, INVALID_CONFIG */
export async function deleteDatabase(source: DataSource, id: number, actor: Actor): Promise<void> {
  await source.transaction(async (manager) => {
    const row = await findEntry(manager, id, 'pessimistic_write');
    if (row.origin === 'environment') {
      throw new AppError('INVALID_CONFIG', `"${row.name}" is named by TARGET_DATABASE_URL.`, {
        remediation: 'Take it out of TARGET_DATABASE_URL and restart the API first.',
      });
    }
    const [operation] = await activeOperations(manager, id);
    if (operation !== undefined) {
      throw new AppError('IN_USE', `${operation} still works on "${row.name}".`);
    }
    const schedules = await activeSchedules(manager, id);
    if (schedules.length > 0) {
      throw new AppError('IN_USE', `"${row.name}" is backed up by ${schedules.join(', ')}.`, {
        remediation: 'Deactivate or delete these schedules first.',
      });
    }
    await manager.update(
      DatabaseEntity,
      { id },
      {
        deletedAt: () => 'clock_timestamp()',
        updatedAt: () => 'clock_timestamp()',
        updatedBy: actor.userId,
        passwordSealed: null,
      },
    );
    await recordAudit(manager, actor, {
      action: 'database.delete',
      subjectType: 'database',
      subjectId: String(id),
      outcome: 'succeeded',
      before: describeDatabase(row),
    });
  });
}
