/** Signing in over HTTP. */
import { type Static, Type } from '@sinclair/typebox';
import { roles } from './permissions.ts';
import { OneOf, Timestamp } from './schema.ts';

export const Login = Type.Object(
  {
    email: Type.String({ minLength: 3, maxLength: 320 }),
    password: Type.String({ minLength: 1, maxLength: 1000 }),
  },
  { additionalProperties: false },
);
export type Login = Static<typeof Login>;

export const UserView = Type.Object(
  {
    userId: Type.String({ format: 'uuid' }),
    email: Type.String(),
    username: Type.String(),
    role: OneOf(roles),
  },
  { $id: 'User' },
);
export type UserView = Static<typeof UserView>;

export const LoginAnswer = Type.Object({ token: Type.String(), expiresAt: Timestamp, user: UserView });
export type LoginAnswer = Static<typeof LoginAnswer>;
