/** Makes the first super-admin when there is nobody yet. */
import { randomBytes } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import type { DataSource } from 'typeorm';
import { recordAudit, systemActor } from '../audit/index.ts';
import { UserEntity } from './user.entity.ts';

export interface FirstAdmin {
  readonly email: string;
  readonly password: string | undefined;
}

/** @returns the password where one had to be made up, to be shown once; null otherwise */
export async function ensureFirstAdmin(
  source: DataSource,
  { email, password }: FirstAdmin,
): Promise<string | null> {
  return await source.transaction(async (manager) => {
    // Two API processes that start together make one admin.
    await manager.query('LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE');
    if (await manager.exists(UserEntity)) {
      return null;
    }
    const chosen = password ?? randomBytes(18).toString('base64url');
    const inserted = await manager.insert(UserEntity, {
      email,
      username: email.split('@')[0] ?? 'admin',
      role: 'super-admin',
      passwordHash: await hash(chosen),
    });
    const { userId } = inserted.identifiers[0] as { userId: string };
    await recordAudit(manager, systemActor, {
      action: 'user.create',
      subjectType: 'user',
      subjectId: userId,
      outcome: 'succeeded',
      after: { email, role: 'super-admin' },
    });
    return password === undefined ? chosen : null;
  });
}
