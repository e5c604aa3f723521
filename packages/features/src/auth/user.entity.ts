/** People who sign in, and their sessions. */
import type { Role } from '@holdfast/contracts/permissions';
import { boolean, generated, integer, nullable, text, timestamp, uuid } from '@holdfast/platform/db/columns';
import { EntitySchema } from 'typeorm';

export interface UserRow {
  userId: string;
  email: string;
  username: string;
  role: Role;
  passwordHash: string | null;
  isActive: boolean;
  failedSignIns: number;
  lockedUntil: Date | null;
  lastSignInAt: Date | null;
}

export const UserEntity = new EntitySchema<UserRow>({
  name: 'User',
  tableName: 'users',
  columns: {
    userId: { ...uuid('user_id'), primary: true, generated: 'uuid' },
    email: text('email'),
    username: text('username'),
    role: text('role'),
    passwordHash: nullable(text('password_hash')),
    isActive: generated(boolean('is_active')),
    failedSignIns: generated(integer('failed_sign_ins')),
    lockedUntil: nullable(timestamp('locked_until')),
    lastSignInAt: nullable(timestamp('last_sign_in_at')),
  },
});

export interface SessionRow {
  sessionId: string;
  userId: string;
  createdAt: Date;
  expiresAt: Date;
  endedAt: Date | null;
  address: string | null;
  userAgent: string | null;
}

export const SessionEntity = new EntitySchema<SessionRow>({
  name: 'Session',
  tableName: 'user_sessions',
  columns: {
    sessionId: { ...uuid('session_id'), primary: true, generated: 'uuid' },
    userId: uuid('user_id'),
    createdAt: generated(timestamp('created_at')),
    expiresAt: timestamp('expires_at'),
    endedAt: nullable(timestamp('ended_at')),
    address: nullable(text('address')),
    userAgent: nullable(text('user_agent')),
  },
});
